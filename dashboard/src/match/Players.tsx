/** Every player's figures, team by team. A row renders when one of its own cells changes. */
import { memo, useMemo } from "react";
import { useFormat } from "../shell/language.js";
import shell from "../shell/shell.module.css";
import { isObject, number, playerIds, teamsOf, text } from "./document.js";
import { gameOf } from "./games/index.js";
import styles from "./match.module.css";
import { useTablePart } from "./parts.js";
import { long, short, useFigureWords, useWords, type Figure } from "./words.js";

/** Two teams or a few, in full; of a crowd the first ones, and how many more there are. */
const SHOWN = 100;

export function Players({ channel, game }: { channel: string; game: string }) {
  const words = useWords();
  const format = useFormat();
  const labels = useFigureWords();
  const all = useTablePart(channel, ({ doc }) => playerIds(doc));
  const ids = useMemo(() => all.slice(0, SHOWN), [all]);
  const columns = useTablePart(channel, ({ doc }) => gameOf(game).columns.filter((figure) => ids.some((id) => figureOf(doc.players, id, figure) !== null)));
  if (ids.length === 0) return null;
  return (
    <div className={shell.scroll} tabIndex={0} role="group" aria-label={words.players}>
      <table className={`${shell.table} ${styles.players}`} data-testid="players">
        <thead>
          <tr>
            <th scope="col">{words.player}</th>
            {columns.map((figure) => (
              <th scope="col" key={figure}>
                <abbr title={long(labels[figure])}>{short(labels[figure])}</abbr>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ids.map((id) => (
            <PlayerRow key={id} channel={channel} game={game} id={id} columns={columns.join()} />
          ))}
        </tbody>
      </table>
      {all.length > SHOWN ? <p className={shell.soft} data-testid="more-players">{words.morePlayers(format.number(all.length - SHOWN))}</p> : null}
    </div>
  );
}

function figureOf(players: unknown, id: string, figure: string): number | null {
  const row = isObject(players as never) ? (players as Record<string, never>)[id] : undefined;
  return isObject(row) ? number((row as Record<string, never>)[figure]) : null;
}

interface Row {
  channel: string;
  game: string;
  id: string;
  columns: string;
}

export const PlayerRow = memo(function PlayerRow({ channel, game, id, columns }: Row) {
  const format = useFormat();
  const figures = columns.split(",").filter(Boolean) as Figure[];
  const [name, note, side, ...values] = useTablePart(channel, ({ doc }) => {
    const row = isObject(doc.players) && isObject(doc.players[id]) ? doc.players[id] : {};
    const team = teamsOf(doc).find((one) => one.id === row.team);
    return [text(row.name, id), gameOf(game).note(row), team?.side ?? 2, ...figures.map((figure) => number(row[figure]))] as const;
  });
  return (
    <tr data-side={side}>
      <th scope="row">
        <span className={styles.swatch} aria-hidden="true" />
        <bdi>{name}</bdi>
        {note ? <small><bdi>{note}</bdi></small> : null}
      </th>
      {values.map((value, i) => (
        <td key={figures[i]} data-figure={figures[i]} data-zero={value === 0 || undefined}>
          {value === null ? "–" : format.number(value as number)}
        </td>
      ))}
    </tr>
  );
});

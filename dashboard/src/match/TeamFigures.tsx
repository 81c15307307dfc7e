/** The teams' figures side by side. */
import { useFormat } from "../shell/language.js";
import { teamsOf } from "./document.js";
import { gameOf, teamFigure } from "./games/index.js";
import styles from "./match.module.css";
import { useTablePart } from "./parts.js";
import { long, useFigureWords, type Figure } from "./words.js";

export function TeamFigures({ channel, game }: { channel: string; game: string }) {
  const labels = useFigureWords();
  const { compared } = gameOf(game);
  const teams = useTablePart(channel, ({ doc }) => teamsOf(doc).slice(0, 2).map(({ name }) => name));
  return (
    <table className={styles.figures} data-testid="teams">
      <thead className="visually-hidden">
        <tr>
          <th scope="col"><bdi>{teams[0]}</bdi></th>
          <td />
          <th scope="col"><bdi>{teams[1]}</bdi></th>
        </tr>
      </thead>
      <tbody>
        {compared.map((figure) => (
          <Line key={figure} channel={channel} game={game} figure={figure} label={long(labels[figure])} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ channel, game, figure, label }: { channel: string; game: string; figure: Figure; label: string }) {
  const format = useFormat();
  const summed = gameOf(game).summed.includes(figure);
  const [left, right] = useTablePart(channel, ({ doc }) => teamsOf(doc).slice(0, 2).map(({ id }) => teamFigure(doc, id, figure, summed)));
  if ((left ?? null) === null && (right ?? null) === null) return null;
  const [a, b] = [left ?? 0, right ?? 0];
  const share = a + b > 0 ? a / (a + b) : 0.5;
  return (
    <tr>
      <td>{format.number(a)}</td>
      <th scope="row">
        {label}
        <svg className={styles.share} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect width={Math.max(0, share * 100 - 0.5)} height="4" className={styles.shareLeft} />
          <rect x={share * 100 + 0.5} width={Math.max(0, 99.5 - share * 100)} height="4" className={styles.shareRight} />
        </svg>
      </th>
      <td>{format.number(b)}</td>
    </tr>
  );
}

/** One match: score, clock, map where the game has positions, players, and the feed. */
import { memo, useEffect, useMemo } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { StateMark } from "../live/StateMark.js";
import { useChannel } from "../live/store.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import { Link, type Params } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import { clockText, columnsOf, eventText, gameName, isObject, number, playersOf, teamsOf, text, type Player, type Team } from "./document.js";
import styles from "./match.module.css";
import { PlayersMap } from "./PlayersMap.js";

export function MatchPage({ params }: { params: Params }) {
  const id = params.id!;
  const channel = `match:${id}`;
  const view = useChannel(channel);
  const title = text(view?.doc.title, id);
  useEffect(() => {
    document.title = `${title} · Grandstand`;
  }, [title]);

  if (view?.error && view.version === null)
    return (
      <p className={shell.notice} data-testid="missing">
        {view.error.code === "unknown_channel" ? "There is no such match, or it has not begun." : view.error.message}{" "}
        <Link to="/">All matches</Link>
      </p>
    );
  if (!view || view.version === null) return <Skeleton rem={40} />;

  const teams = teamsOf(view.doc);
  const players = playersOf(view.doc, teams);
  return (
    <article className={styles.match}>
      <div className={shell.heading}>
        <h1>{title}</h1>
        <span className={shell.soft}>{gameName(view.doc)}</span>
        <StateMark status={view.status} behindMs={view.behindMs} />
      </div>
      <Scoreboard teams={teams} doc={view.doc} />
      <div className={styles.columns}>
        <div className={styles.left}>
          {players.some((player) => player.at !== null) ? (
            <Panel title="Map">
              <PlayersMap channel={channel} doc={view.doc} />
            </Panel>
          ) : null}
          <Panel title="Players">
            <Players players={players} teams={teams} />
          </Panel>
        </div>
        <Panel title="Events">
          <Feed feed={view.feed} doc={view.doc} />
        </Panel>
      </div>
      <footer className={styles.foot}>
        <span data-testid="version">{view.version}</span>
      </footer>
    </article>
  );
}

function Scoreboard({ teams, doc }: { teams: Team[]; doc: JsonObject }) {
  const [home, away] = teams;
  const period = isObject(doc.clock) ? text(doc.clock.period) : "";
  return (
    <section className={styles.score} aria-label="Score">
      <div className={styles.team} data-side="0">
        <span>{home?.name ?? "–"}</span>
      </div>
      <div className={styles.numbers}>
        <b data-testid="score-0">{home?.score ?? 0}</b>
        <span className={styles.clock} role="timer" data-testid="clock">
          {clockText(doc)}
          {period ? <small>{period}</small> : null}
        </span>
        <b data-testid="score-1">{away?.score ?? 0}</b>
      </div>
      <div className={styles.team} data-side="1">
        <span>{away?.name ?? "–"}</span>
      </div>
    </section>
  );
}

function Players({ players, teams }: { players: Player[]; teams: Team[] }) {
  const shown = useMemo(() => players.slice(0, 60), [players]);
  const columns = columnsOf(shown);
  if (shown.length === 0) return null;
  const names = new Map(teams.map((team) => [team.id, team.name]));
  return (
    <div className={shell.scroll}>
        <table className={shell.table}>
          <thead>
            <tr>
              <th scope="col">Player</th>
              {columns.map(([key, label]) => (
                <th scope="col" key={key} title={key.replaceAll("_", " ")}>
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((player) => (
              <PlayerRow key={player.id} fields={player.fields} name={player.name} side={player.side} team={names.get(player.team) ?? ""} columns={columns.map(([key]) => key).join()} />
            ))}
          </tbody>
        </table>
      </div>
  );
}

const PlayerRow = memo(function PlayerRow(row: { fields: JsonObject; name: string; side: number; team: string; columns: string }) {
  const hero = text(row.fields.hero);
  return (
    <tr data-side={row.side}>
      <th scope="row">
        <span className={styles.swatch} aria-hidden="true" />
        {row.name}
        <small>{hero || row.team}</small>
      </th>
      {row.columns.split(",").filter(Boolean).map((key) => (
        <td key={key}>{number(row.fields[key])?.toLocaleString("en") ?? "–"}</td>
      ))}
    </tr>
  );
});

const FEED_SHOWN = 60;

function Feed({ feed, doc }: { feed: { key: number; event: JsonObject }[]; doc: JsonObject }) {
  const names = new Map<string, string>();
  for (const table of [doc.players, doc.teams])
    if (isObject(table)) for (const [key, row] of Object.entries(table)) if (isObject(row)) names.set(key, text(row.name, key));
  return (
    <>
      <ol className={styles.feed} aria-live="off" data-testid="feed">
        {feed
          .slice(-FEED_SHOWN)
          .reverse()
          .map(({ key, event }) => (
            <li key={key} data-op={text(event.op)}>
              {eventText(event, names)}
            </li>
          ))}
      </ol>
      {feed.length === 0 ? <p className={styles.quiet}>Nothing has happened yet.</p> : null}
    </>
  );
}

/** One match: score, clock, map where the game has positions, players, and the feed. */
import { memo, useEffect, useMemo } from "react";
import type { JsonObject } from "../client/src/index.js";
import { Boundary, Link } from "./App.js";
import { clockText, columnsOf, eventText, gameName, isObject, number, playersOf, stateOf, teamsOf, text, type Player, type Team } from "./match.js";
import { PlayersMap } from "./PlayersMap.js";
import styles from "./page.module.css";
import { StateMark } from "./StateMark.js";
import { useStore, watch } from "./store.js";

export function MatchPage({ id }: { id: string }) {
  const channel = `match:${id}`;
  useEffect(() => watch(channel), [channel]);
  const view = useStore((state) => state.channels[channel]);
  const connection = useStore((state) => state.connection);
  const title = text(view?.doc.title, id);
  useEffect(() => {
    document.title = `${title} · Grandstand`;
  }, [title]);

  if (view?.error && view.version === null)
    return (
      <p className={styles.notice} data-testid="missing">
        {view.error.code === "unknown_channel" ? "There is no such match, or it has not begun." : view.error.message}{" "}
        <Link to="/">All matches</Link>
      </p>
    );
  if (!view || view.version === null) return <Skeleton />;

  const teams = teamsOf(view.doc);
  const players = playersOf(view.doc, teams);
  const state = stateOf(connection, view.status, view.behindMs);
  return (
    <article className={styles.match}>
      <div className={styles.heading}>
        <h1>{title}</h1>
        <span className={styles.game}>{gameName(view.doc)}</span>
        <StateMark status={view.status} behindMs={view.behindMs} />
      </div>
      {state.word === "paused" || state.word === "offline" || state.word === "ended" ? (
        <p className={styles.banner} data-state={state.word}>
          {state.line}
        </p>
      ) : null}
      <Scoreboard teams={teams} doc={view.doc} />
      <div className={styles.columns}>
        <div className={styles.left}>
          <Boundary>{players.some((player) => player.at !== null) ? <PlayersMap channel={channel} doc={view.doc} /> : null}</Boundary>
          <Boundary>
            <Players players={players} teams={teams} />
          </Boundary>
        </div>
        <Boundary>
          <Feed feed={view.feed} doc={view.doc} />
        </Boundary>
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
    <section className={styles.panel}>
      <h2>Players</h2>
      <div className={styles.scroll}>
        <table className={styles.table}>
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
    </section>
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
    <section className={styles.panel}>
      <h2>Events</h2>
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
    </section>
  );
}

function Skeleton() {
  return (
    <div className={styles.match} aria-busy="true">
      <div className={styles.heading}>
        <h1>Match</h1>
        <StateMark status="live" behindMs={0} />
      </div>
      <div className={`${styles.score} ${styles.skeleton}`} />
      <div className={`${styles.panel} ${styles.skeleton}`} style={{ minHeight: "18rem" }} />
    </div>
  );
}

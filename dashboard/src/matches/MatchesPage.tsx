/** The list of matches: what is on, what comes, what is over. Each card follows its own row. */
import { Suspense, useRef, useState, type CSSProperties } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { ChannelPause } from "../live/ChannelPause.js";
import { StateMark } from "../live/StateMark.js";
import { refusalOf } from "../live/refusal.js";
import { again, LOBBY, renewalOf, useWatched } from "../live/store.js";
import { clockText, isObject, number, teamsOf, text } from "../match/document.js";
import { gameOfDocument } from "../match/games/index.js";
import { usePart } from "../match/parts.js";
import { useFormat, defineWords } from "../shell/language.js";
import { Boundary, Failed, Renewal } from "../shell/Boundary.js";
import { loaded } from "../shell/loaded.js";
import { Skeleton } from "../shell/Panel.js";
import { useProblemText } from "../shell/problems.js";
import { Link } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import { useTitle } from "../shell/title.js";
import styles from "./matches.module.css";

const useWords = defineWords({
  en: {
    matches: "Matches", leaders: "Leaders", on: "Live now", next: "Upcoming", over: "Ended", live: "Live", paused: "Paused", scheduled: "Upcoming", ended: "Ended",
    none: "No match is on. This list fills by itself when one begins.", watching: (viewers: string) => `${viewers} watching`, winner: "Winner", starts: (when: string) => `Starts ${when}`, back: "The last 2 minutes", backOf: (match: string) => `The last 2 minutes of ${match}`,
  },
  de: {
    matches: "Spiele", leaders: "An der Spitze", on: "Jetzt live", next: "Demnächst", over: "Beendet", live: "Live", paused: "Pausiert", scheduled: "Demnächst", ended: "Beendet",
    none: "Gerade läuft kein Spiel. Diese Liste füllt sich von selbst, sobald eines beginnt.", watching: (viewers: string) => `${viewers} sehen zu`, winner: "Sieger", starts: (when: string) => `Beginn ${when}`, back: "Die letzten 2 Minuten", backOf: (match: string) => `Die letzten 2 Minuten von ${match}`,
  },
});

/** They come after what is live, and in a file of their own. */
const Leaders = loaded(async () => (await import("./Leaders.js")).Leaders);

const renewal = renewalOf(LOBBY);

const SECTIONS = [
  ["on", ["live", "paused"]],
  ["next", ["scheduled"]],
  ["over", ["ended"]],
] as const;

const rowsOf = (doc: JsonObject): [string, JsonObject][] =>
  isObject(doc.matches) ? Object.entries(doc.matches).filter((row): row is [string, JsonObject] => isObject(row[1])) : [];

const rowOf = (doc: JsonObject, id: string): JsonObject | null => (isObject(doc.matches) && isObject(doc.matches[id]) ? doc.matches[id] : null);

/** A row that says nothing of its status is on. */
const statusOf = (row: JsonObject): string => (["live", "paused", "scheduled", "ended"].includes(text(row.status)) ? text(row.status) : "live");

export function MatchesPage() {
  const words = useWords();
  const problem = useProblemText();
  useWatched(LOBBY);
  useTitle(words.matches);
  const [known, filled, error] = usePart(LOBBY, (view) => [view.version !== null, rowsOf(view.doc).length > 0, view.error]);
  return (
    <Renewal value={renewal}>
      <Heading />
      {filled ? (
        SECTIONS.map(([title, statuses]) => <Section key={title} title={words[title]} statuses={statuses} />)
      ) : known || error?.code === "unknown_channel" ? (
        <p className={shell.notice}>{words.none}</p>
      ) : error === null ? (
        <Waiting />
      ) : refusalOf({ error }) === null ? (
        <Failed again={() => again(LOBBY)} text={problem(error)} />
      ) : null}
      {known || error !== null ? (
        <Boundary of={words.leaders}>
          <Suspense fallback={null}>
            <Leaders />
          </Suspense>
        </Boundary>
      ) : null}
    </Renewal>
  );
}

function Heading() {
  const words = useWords();
  const [status, behindMs, refused] = usePart(LOBBY, (view) => [view.status, view.behindMs, refusalOf(view) !== null]);
  return (
    <div className={shell.heading}>
      <h1>{words.matches}</h1>
      <StateMark status={status} behindMs={behindMs} refused={refused} />
      <ChannelPause channel={LOBBY} of={words.matches} />
    </div>
  );
}

function Section({ title, statuses }: { title: string; statuses: readonly string[] }) {
  const ids = usePart(LOBBY, ({ doc }) =>
    rowsOf(doc)
      .filter(([, row]) => statuses.includes(statusOf(row)))
      .sort((a, b) => (number(b[1].viewers) ?? 0) - (number(a[1].viewers) ?? 0) || a[0].localeCompare(b[0]))
      .map(([id]) => id),
  );
  const [inside, setInside] = useState(false);
  const shown = useSettled(ids, inside);
  if (shown.length === 0) return null;
  return (
    <section
      className={styles.section}
      aria-label={title}
      onPointerEnter={(event) => event.pointerType === "mouse" && setInside(true)}
      onPointerLeave={(event) => setInside(event.currentTarget.contains(document.activeElement))}
      onFocus={() => setInside(true)}
      onBlur={(event) => event.currentTarget.contains(event.relatedTarget) || setInside(event.currentTarget.matches(":hover"))}
    >
      <h2>
        {title} <span className={shell.soft}>{shown.length}</span>
      </h2>
      <ul className={styles.cards}>
        {shown.map((id) => (
          <li key={id}>
            <Boundary of={id}>
              <Card id={id} />
              <Back id={id} />
            </Boundary>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What is about to be chosen does not move away: with the pointer or the focus among them cards keep their order, new ones come last. */
function useSettled(ids: string[], inside: boolean): string[] {
  const before = useRef(ids);
  if (!inside) before.current = ids;
  else {
    const [now, then] = [new Set(ids), new Set(before.current)];
    before.current = [...before.current.filter((id) => now.has(id)), ...ids.filter((id) => !then.has(id))];
  }
  return before.current;
}

function Card({ id }: { id: string }) {
  const words = useWords();
  const format = useFormat();
  const [row] = usePart(LOBBY, ({ doc }) => [rowOf(doc, id)]);
  if (row === null) return null;
  const status = statusOf(row);
  const viewers = number(row.viewers);
  const startedMs = number(row.started_ms);
  const teams = teamsOf(row).slice(0, 2);
  return (
    <Link to={`/match/${id}`} className={styles.card}>
      <span className={styles.top}>
        <span className={styles.pill} data-status={status}>
          {words[status as "live"]}
        </span>
        <span className={shell.soft}>{gameOfDocument(row).name}</span>
        <span className={styles.clock}>{status === "scheduled" || !isObject(row.clock) ? "" : clockText(row)}</span>
      </span>
      <span className={styles.teams}>
        {teams.map((team) => (
          <span key={team.id} className={styles.team} data-side={team.side} data-won={row.winner === team.id} style={team.colour ? ({ "--team": team.colour } as CSSProperties) : undefined}>
            <span>
              <bdi>{team.name}</bdi>
              {row.winner === team.id ? <small title={words.winner}> ★</small> : null}
            </span>
            <b>{status === "scheduled" ? "–" : format.number(team.score)}</b>
          </span>
        ))}
      </span>
      <span className={styles.foot}>
        <span className={styles.title}><bdi>{titleBeside(text(row.title, id), teams.map(({ name }) => name))}</bdi></span>
        {status === "scheduled" && startedMs !== null ? <span>{words.starts(format.dateTime(startedMs))}</span> : null}
        <span className={styles.aside}>{viewers ? words.watching(format.compact(viewers)) : "\u00a0"}</span>
      </span>
    </Link>
  );
}

/** A match that is on can be watched from a little earlier. */
function Back({ id }: { id: string }) {
  const words = useWords();
  const [on, title] = usePart(LOBBY, ({ doc }) => {
    const row = rowOf(doc, id);
    return [row !== null && statusOf(row) === "live", text(row?.title, id)];
  });
  return on ? (
    <Link to={`/match/${id}?at=-120s`} className={styles.back} label={words.backOf(title)}>
      <span aria-hidden="true">↺ </span>
      {words.back}
    </Link>
  ) : null;
}

/** The title without the teams, where it begins with them: they stand above it. */
function titleBeside(title: string, teams: string[]): string {
  const begins = teams.join(" – ");
  return teams.length === 2 && title.startsWith(`${begins} · `) ? title.slice(begins.length + 3) : title;
}

/** As many cards as a small evening has. */
function Waiting() {
  return (
    <div className={styles.section} aria-busy="true">
      <h2>…</h2>
      <ul className={styles.cards}>
        {[0, 1, 2, 3].map((key) => (
          <li key={key} className={styles.card}>
            <Skeleton rem={7} />
          </li>
        ))}
      </ul>
    </div>
  );
}

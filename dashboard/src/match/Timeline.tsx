/** What decided the match, on the match's time: the first team's above the line, the second's below. */
import { useMemo, useRef, useState, type KeyboardEvent } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { Sentence } from "../shell/names.js";
import shell from "../shell/shell.module.css";
import { clockAt, isAfter } from "./course.js";
import { entryOf, isObject, number, teamsOf, text } from "./document.js";
import { useNames } from "./Feed.js";
import { gameOf } from "./games/index.js";
import { eventText, signOf } from "./happenings.js";
import styles from "./match.module.css";
import { useFeed, usePart } from "./parts.js";
import { usePast } from "./usePast.js";
import { useWords } from "./words.js";

interface Mark {
  key: string;
  atMs: number;
  side: number;
  sign: string;
  told: string;
}

/** Closer than this the same goal of feed and history is one. */
const SAME_MS = 20_000;
/** The least that the line stands for. */
const SPAN_MS: Record<string, number> = { football: 5_400_000, "rocket-league": 300_000 };

export function Timeline({ channel, game }: { channel: string; game: string }) {
  const words = useWords();
  const names = useNames(channel);
  const [objectives] = usePart(channel, ({ doc }) => [doc.objectives]);
  const feed = useFeed(channel);
  const teams = usePart(channel, ({ doc }) => teamsOf(doc).map(({ id }) => id));
  const [scored] = usePart(channel, ({ doc }) => [teamsOf(doc).some(({ score }) => score > 0)]);
  const [second, limitMs] = usePart(channel, ({ doc }) => {
    const clock = isObject(doc.clock) ? doc.clock : {};
    return [Math.floor((number(clock.t_ms) ?? 0) / 1000), number(clock.limit_ms)];
  });
  const past = usePast(channel, game);
  // While the past is shown, nothing of what comes after it.
  const [source, away, toldCount] = usePart(channel, ({ source: from, status, version }) => [
    from,
    status === "rewind",
    status === "rewind" && version !== null ? (past?.told.filter(({ id }) => !isAfter(id, version)).length ?? 0) : (past?.told.length ?? 0),
  ]);
  // A goal says its minute or is told the moment that it was seen at; what was before the page came is in the history.
  const goals = useRef<{ source: object; until: number | null; marks: Map<number, number> }>({ source, until: null, marks: new Map() });
  const marks = useMemo<Mark[]>(() => {
    const known = goals.current;
    const found: Mark[] = [];
    const put = (key: string, event: JsonObject, atMs: number): void => {
      found.push({ key, atMs, side: teams.indexOf(text(event.team)), sign: signOf(event), told: eventText(event, names, words, true) });
    };
    const minuteOf = (event: JsonObject): number | null => {
      const minute = number(event.minute);
      return minute === null ? null : (minute - 0.5) * 60_000;
    };
    const kept = new Map<string, number[]>();
    for (const { id, at_ms, event } of past?.told.slice(0, toldCount) ?? []) {
      if (event.op !== "score" || !event.actor) continue;
      const atMs = minuteOf(event) ?? clockAt(past!.track, id, at_ms);
      const same = JSON.stringify(event);
      kept.set(same, [...(kept.get(same) ?? []), atMs]);
      put(`told ${id} ${found.length}`, event, atMs);
    }
    const newest = feed.at(-1)?.key ?? -1;
    if (known.source !== source) {
      known.source = source;
      known.until = newest;
    }
    for (const { key, event } of away ? [] : feed) {
      if (event.op !== "score" || !event.actor) continue;
      const minuteMs = minuteOf(event);
      if (minuteMs !== null) known.marks.set(key, minuteMs);
      else if (known.until !== null && key > known.until) known.marks.set(key, second * 1000);
      const atMs = known.marks.get(key);
      if (atMs !== undefined && !kept.get(JSON.stringify(event))?.some((other) => Math.abs(other - atMs) < SAME_MS)) put(`goal ${key}`, event, atMs);
    }
    known.until = newest;
    if (isObject(objectives))
      for (const [id, row] of Object.entries(objectives)) {
        const atMs = isObject(row) ? number(row.t_ms) : null;
        if (!isObject(row) || atMs === null) continue;
        const event = { op: "objective", team: row.team ?? null, player: row.player ?? null, name: row.name ?? id };
        put(id, event, atMs);
      }
    return found.sort((a, b) => a.atMs - b.atMs);
    // Not for every second that passes: one alone changes nothing.
  }, [objectives, feed, teams, names, words, past, toldCount, source, away]);
  const spanMs = Math.max(entryOf(SPAN_MS, game) ?? 0, limitMs ?? 0, second * 1000, marks.at(-1)?.atMs ?? 0, 60_000);
  const place = (ms: number): string => `${Math.max(0, Math.min(100, (ms / spanMs) * 100))}%`;
  // One stop of the Tab key; arrows go from mark to mark. What is told of the one that is looked at stands below.
  const [chosen, setChosen] = useState<string | null>(null);
  const [current, setCurrent] = useState<string | null>(null);
  const list = useRef<HTMLOListElement>(null);
  const stop = Math.max(0, marks.findIndex(({ key }) => key === current));
  const go = (event: KeyboardEvent): void => {
    const to = { ArrowRight: stop + 1, ArrowDown: stop + 1, ArrowLeft: stop - 1, ArrowUp: stop - 1, Home: 0, End: marks.length - 1 }[event.key];
    if (to === undefined || marks[to] === undefined) return;
    event.preventDefault();
    list.current?.querySelectorAll("button")[to]?.focus();
  };
  const told = marks.find(({ key }) => key === chosen) ?? marks.at(-1);
  return (
    <>
      <div className={styles.line}>
        <span className={styles.passed} style={{ width: place(second * 1000) }} />
        <ol aria-label={words.timeline} ref={list} onKeyDown={go}>
          {marks.map(({ key, atMs, side, sign, told: said }, i) => {
            const time = gameOf(game).when({ t_ms: atMs });
            return (
              <li key={key} data-side={side} style={{ left: place(atMs) }} title={`${time} ${said}`}>
                <button
                  type="button"
                  tabIndex={i === stop ? 0 : -1}
                  aria-label={`${time} ${said}`}
                  onFocus={() => {
                    setCurrent(key);
                    setChosen(key);
                  }}
                  onBlur={() => setChosen(null)}
                  onPointerEnter={() => setChosen(key)}
                  onPointerLeave={() => setChosen(null)}
                >
                  <span aria-hidden="true">{sign}</span>
                </button>
              </li>
            );
          })}
        </ol>
      </div>
      <p className={shell.soft} data-testid="mark">{told === undefined ? (scored ? "\u00a0" : words.noMark) : <Sentence text={`${gameOf(game).when({ t_ms: told.atMs })} ${told.told}`} />}</p>
    </>
  );
}

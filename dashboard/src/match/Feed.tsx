/**
 * What happened, the newest on top. What is being read does not move: away from the top the list waits, and says how much is new;
 * at its end older events come from the history.
 */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { lists } from "../live/calm.js";
import { Panel } from "../shell/Panel.js";
import { PauseButton } from "../shell/PauseButton.js";
import { useFormat } from "../shell/language.js";
import { Sentence } from "../shell/names.js";
import { prefer, usePreference, type Announce } from "../shell/preferences.js";
import shell from "../shell/shell.module.css";
import { namesOf, teamsOf, text } from "./document.js";
import { gameOf } from "./games/index.js";
import { eventText, signOf } from "./happenings.js";
import styles from "./match.module.css";
import { clockOfTold } from "./moments.js";
import { useFeed, useListPart, usePart } from "./parts.js";
import { Seats } from "./seats.js";
import { useMoments } from "./useMoments.js";
import { useCourse } from "./useCourse.js";
import { useOlder, type Held } from "./useOlder.js";
import { useWords } from "./words.js";

const ROW_PX = 38;
/** Closer to the top than this is at the top. */
const TOP_PX = 8;
/** Closer to the end than this more is asked for. */
const END_PX = 20 * ROW_PX;

/** Names by id, made anew only when a name has changed: rows of players change ten times a second. */
export function useNames(channel: string): ReadonlyMap<string, string> {
  const flat = useListPart(channel, ({ doc }) => [...namesOf(doc.players, doc.teams)].flat());
  return useMemo(() => new Map(flat.flatMap((id, i) => (i % 2 === 0 ? [[id, flat[i + 1]!] as const] : []))), [flat]);
}

export function Feed({ channel, game }: { channel: string; game: string }) {
  const words = useWords();
  const format = useFormat();
  const announce = usePreference("announce");
  const view = gameOf(game);
  const moments = useMoments(channel);
  const feed = useFeed(channel);
  const [held, setHeld] = useState<Held | null>(null);
  const [asked, setAsked] = useState(false);
  const [paused, setPaused] = useState(false);
  const [all, setAll] = useState(true);
  const names = useNames(channel);
  const sides = usePart(channel, ({ doc }) => teamsOf(doc).map(({ id }) => id));
  const [source] = usePart(channel, (part) => [part.source]);
  const kept = useCourse(channel).isSuccess;
  const older = useOlder(channel, held, asked, all ? null : view.important);
  const scroller = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => {
    const told = ({ event }: { event: JsonObject }): boolean => (all ? !view.silent.has(text(event.op)) : view.important.has(text(event.op)));
    return [
      ...(held?.feed ?? feed).filter(told).reverse().map((entry) => ({ ...entry, clockOf: () => moments.of(entry) })),
      ...older.rows.filter(told).map((row) => ({ key: `${row.id}.${row.index}`, event: row.event, clockOf: () => clockOfTold(moments.track, row) })),
    ];
  }, [held, feed, older.rows, all, view, moments]);
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 6,
    getItemKey: (i) => shown[i]!.key,
  });
  const visible = rows.getVirtualItems();
  const [seats] = useState(() => new Seats());
  const seated = seats.of(visible.map(({ key }) => key));
  const fresh = held === null ? 0 : feed.filter(({ key, event }) => key > (held.feed.at(-1)?.key ?? -1) && !view.silent.has(text(event.op))).length;
  const hold = (): void => {
    const version = lists.getState().channels[channel]?.version ?? null;
    if (held === null && version !== null) setHeld({ feed, version });
  };
  const toTop = (): void => {
    setHeld(null);
    setAsked(false);
    setPaused(false);
    if (scroller.current !== null) scroller.current.scrollTop = 0;
  };
  const load = (): void => {
    hold();
    if (!asked) setAsked(true);
    else older.load();
  };
  /** What was pressed is about to go; the focus stays with what is read. */
  const readOn = (action: () => void) => (): void => {
    scroller.current?.focus({ preventScroll: true });
    action();
  };
  // Another moment of the match has another feed.
  useEffect(toTop, [source]);
  return (
    <Panel
      title={words.events}
      className={styles.feedPanel}
      aside={
        <span className={styles.tools}>
          <button type="button" className={shell.button} aria-pressed={!all} onClick={() => setAll(!all)}>
            {words.important}
          </button>
          <PauseButton
            of={words.events}
            paused={paused}
            waiting={fresh}
            onChange={(stop) => {
              if (!stop) return toTop();
              setPaused(true);
              hold();
            }}
          />
        </span>
      }
    >
      <div
        ref={scroller}
        className={styles.feed}
        tabIndex={0}
        role="group"
        aria-label={words.events}
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          const away = scrollTop > TOP_PX;
          if (away && held === null) hold();
          else if (!away && held !== null && !paused) toTop();
          if (away && kept && !older.failed && !older.busy && (older.more || !asked) && scrollHeight - scrollTop - clientHeight < END_PX) load();
        }}
      >
        {fresh > 0 ? (
          <button type="button" className={styles.fresh} onClick={readOn(toTop)}>
            ↑ {words.fresh(format.number(fresh))}
          </button>
        ) : null}
        {shown.length === 0 ? <p className={shell.soft}>{words.quiet}</p> : null}
        <ol aria-live="off" data-testid="feed" style={{ height: rows.getTotalSize() }}>
          {visible.map(({ index, start }, i) => {
            const { event, clockOf } = shown[index]!;
            const clock = clockOf();
            return (
              <li
                key={seated[i]}
                data-op={text(event.op)}
                data-weight={view.important.has(text(event.op)) ? "more" : undefined}
                data-side={sides.indexOf(text(event.team))}
                style={{ transform: `translateY(${start}px)` }}
              >
                <span className={styles.when} data-testid="when">{clock === null ? "" : view.when(clock)}</span>
                <span className={styles.sign} aria-hidden="true">{signOf(event)}</span>
                <span className={styles.told}><Sentence text={eventText(event, names, words, clock !== null)} /></span>
              </li>
            );
          })}
        </ol>
        {kept && (older.more || older.full) ? (
          <p className={styles.older}>
            {older.full ? words.farEnough : (
              <button type="button" className={shell.button} aria-disabled={older.busy} onClick={readOn(load)}>
                {older.failed ? words.again : words.more}
              </button>
            )}
          </p>
        ) : null}
      </div>
      <label className={styles.aloud}>
        {words.announce}{" "}
        <select value={announce} onChange={(event) => prefer({ announce: event.target.value as Announce })}>
          <option value="off">{words.off}</option>
          <option value="important">{words.important}</option>
          <option value="all">{words.everything}</option>
        </select>
      </label>
    </Panel>
  );
}

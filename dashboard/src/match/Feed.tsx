/** What happened, the newest on top. What is being read does not move: away from the top the list waits, and says how much is new. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { Panel } from "../shell/Panel.js";
import { useFormat } from "../shell/language.js";
import { prefer, usePreference, type Announce } from "../shell/preferences.js";
import shell from "../shell/shell.module.css";
import { namesOf, teamsOf, text } from "./document.js";
import { gameOf } from "./games/index.js";
import { eventText, signOf } from "./happenings.js";
import styles from "./match.module.css";
import { useFeed, usePart } from "./parts.js";
import { useWords } from "./words.js";

const ROW_PX = 38;
/** Closer to the top than this is at the top. */
const TOP_PX = 8;

/** Names by id, made anew only when a name has changed: rows of players change ten times a second. */
export function useNames(channel: string): ReadonlyMap<string, string> {
  const flat = usePart(channel, ({ doc }) => [...namesOf(doc.players, doc.teams)].flat());
  return useMemo(() => new Map(flat.flatMap((id, i) => (i % 2 === 0 ? [[id, flat[i + 1]!] as const] : []))), [flat]);
}

export function Feed({ channel, game }: { channel: string; game: string }) {
  const words = useWords();
  const format = useFormat();
  const announce = usePreference("announce");
  const view = gameOf(game);
  const feed = useFeed(channel);
  const [held, setHeld] = useState<typeof feed | null>(null);
  const [paused, setPaused] = useState(false);
  const [all, setAll] = useState(true);
  const names = useNames(channel);
  const sides = usePart(channel, ({ doc }) => teamsOf(doc).map(({ id }) => id));
  const scroller = useRef<HTMLDivElement>(null);
  const shown = useMemo(
    () =>
      (held ?? feed)
        .filter(({ event }) => (all ? !view.silent.has(text(event.op)) : view.important.has(text(event.op))))
        .reverse(),
    [held, feed, all, view],
  );
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 6,
    getItemKey: (i) => shown[i]!.key,
  });
  const fresh = held === null ? 0 : feed.filter(({ key, event }) => key > (held.at(-1)?.key ?? -1) && !view.silent.has(text(event.op))).length;
  const toTop = (): void => {
    setHeld(null);
    setPaused(false);
    scroller.current?.scrollTo({ top: 0 });
  };
  return (
    <Panel
      title={words.events}
      className={styles.feedPanel}
      aside={
        <span className={styles.tools}>
          <button type="button" className={shell.button} aria-pressed={!all} onClick={() => setAll(!all)}>
            {words.important}
          </button>
          <button
            type="button"
            className={shell.button}
            aria-pressed={paused}
            onClick={() => {
              if (paused) return toTop();
              setPaused(true);
              setHeld(feed);
            }}
          >
            {paused ? words.resume : words.pause}
          </button>
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
          const away = event.currentTarget.scrollTop > TOP_PX;
          if (away && held === null) setHeld(feed);
          else if (!away && held !== null && !paused) setHeld(null);
        }}
      >
        {fresh > 0 ? (
          <button type="button" className={styles.fresh} onClick={toTop}>
            ↑ {words.fresh(format.number(fresh))}
          </button>
        ) : null}
        {shown.length === 0 ? <p className={shell.soft}>{words.quiet}</p> : null}
        <ol aria-live="off" data-testid="feed" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ key, index, start }) => {
            const { event } = shown[index]!;
            return (
              <li
                key={key as number}
                data-op={text(event.op)}
                data-weight={view.important.has(text(event.op)) ? "more" : undefined}
                data-side={sides.indexOf(text(event.team))}
                style={{ transform: `translateY(${start}px)` }}
              >
                <span aria-hidden="true">{signOf(event)}</span>
                <span className={styles.told}>{eventText(event, names, words)}</span>
              </li>
            );
          })}
        </ol>
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

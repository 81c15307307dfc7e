/**
 * When the events of a feed happened, by the match's clock. What comes while a page watches has the clock that the document has
 * then; what was there before, or came while nobody looked, is found in the history. Pure.
 */
import type { JsonObject } from "../../client/src/index.js";
import { clockAt, clockOf, stepAt, type Step } from "./course.js";
import { isObject, number } from "./document.js";
import type { Told } from "./series.js";

/** Longer than this of the match between two documents, and what came with the second one may be of any time in between. */
const HOLE_MS = 20_000;
/** Clocks that are kept: of a feed that is being read, and the one that goes on meanwhile. */
const KEPT = 2_000;

type Feed = readonly { key: number; event: JsonObject }[];

interface View {
  doc: JsonObject;
  feed: Feed;
  source: object;
  version: string | null;
}

/** A feed whose events have no clock yet, and the version that it belongs to. */
export interface Unknown {
  feed: Feed;
  version: string;
}

/** The clock that an event names itself: the match's time, or the minute that is running. */
export function ownClock({ t_ms, minute }: JsonObject): JsonObject | null {
  if (number(t_ms ?? null) !== null) return { t_ms: t_ms! };
  const running = number(minute ?? null);
  return running === null ? null : { t_ms: (running - 0.5) * 60_000 };
}

/** The clock of an event that the history has. */
export function clockOfTold(track: readonly Step[], { id, at_ms, event }: Told): JsonObject | null {
  const step = stepAt(track, id);
  return ownClock(event) ?? (step === undefined ? null : { t_ms: clockAt(track, id, at_ms), period: step.period });
}

export class Moments {
  private readonly clocks = new Map<number, JsonObject>();
  private source: object | null = null;
  private feed: Feed = [];
  private newest = -1;
  private clockMs: number | null = null;

  /** Takes the feed and the document as they are now; what has to be asked of the history, if there is something. */
  take({ doc, feed, source, version }: View): Unknown | null {
    const clockMs = clockOf(doc);
    const begun = source === this.source;
    if (!begun) this.clocks.clear();
    const hole = !begun || (clockMs !== null && this.clockMs !== null && Math.abs(clockMs - this.clockMs) > HOLE_MS);
    const fresh = begun && feed === this.feed ? [] : feed.filter(({ key }) => !begun || key > this.newest);
    if (!hole && clockMs !== null && isObject(doc.clock)) for (const { key } of fresh) this.clocks.set(key, doc.clock);
    this.source = source;
    this.feed = feed;
    this.clockMs = clockMs;
    this.newest = feed.at(-1)?.key ?? this.newest;
    if (fresh.length > 0) for (const [key] of this.clocks) if (key <= this.newest - KEPT) this.clocks.delete(key);
    return hole && fresh.length > 0 && version !== null ? { feed, version } : null;
  }

  /**
   * What the history says of a feed.
   *
   * @param told newest first, without a gap from where the feed ends or after it.
   */
  fill({ feed }: Unknown, told: readonly Told[], track: readonly Step[]): void {
    const texts = told.map(({ event }) => JSON.stringify(event));
    let next = 0;
    for (const { key, event } of [...feed].reverse()) {
      // Conflation leaves events out of a feed; the history has them all.
      const found = texts.indexOf(JSON.stringify(event), next);
      if (found < 0) continue;
      next = found + 1;
      const clock = clockOfTold(track, told[found]!);
      if (clock !== null && !this.clocks.has(key)) this.clocks.set(key, clock);
    }
  }

  /** The clock of one of the feed's events; null where nobody knows it. */
  of({ key, event }: Feed[number]): JsonObject | null {
    return ownClock(event) ?? this.clocks.get(key) ?? null;
  }
}

/** What the chart shows: the first team's lead over the match's time, gathered while it is watched, before that from the course. Pure. */
import type { JsonObject } from "../../client/src/index.js";
import { clockAt, clockOf, type CoursePoint, type Step } from "./course.js";
import { teamsOf, text } from "./document.js";
import type { GameView } from "./games/index.js";

const POINTS = 1_200;
/** Momentum halves in this time of the match. */
const HALF_LIFE_MS = 45_000;
/** Longer than this between two pictures is a hole: the page came late, slept, or went to another moment. */
const HOLE_MIN = 0.75;
const MOMENTUM_STEP_MIN = 0.25;

/** An event of the history, and the clock that it came at. */
export interface Told {
  id: string;
  at_ms: number;
  event: JsonObject;
}

export interface Curve {
  minutes: number[];
  values: number[];
}

const decay = (minutes: number): number => 0.5 ** ((minutes * 60_000) / HALF_LIFE_MS);
const rounded = (value: number): number => Math.round(value * 10) / 10;

/** What the course says of a match: its own lead, or the momentum of what was told. */
export function curveOf(game: GameView, points: readonly CoursePoint[], track: readonly Step[], told: readonly Told[], home: string | undefined): Curve {
  const curve: Curve = { minutes: [], values: [] };
  const put = (minute: number, value: number): void => {
    while (curve.minutes.length > 0 && curve.minutes.at(-1)! >= minute) {
      curve.minutes.pop();
      curve.values.pop();
    }
    curve.minutes.push(minute);
    curve.values.push(value);
  };
  if (game.leadOf !== null) {
    for (const point of points) {
      const doc = point as unknown as JsonObject;
      const [clock, value] = [clockOf(doc), game.leadOf(doc)];
      if (clock !== null && value !== null) put(clock / 60_000, value);
    }
    return curve;
  }
  let force = 0;
  let at = (track[0]?.clockMs ?? 0) / 60_000;
  const pass = (minute: number): void => {
    for (let next = (Math.floor(at / MOMENTUM_STEP_MIN) + 1) * MOMENTUM_STEP_MIN; next < minute; next += MOMENTUM_STEP_MIN) put(next, rounded(force * decay(next - at)));
    force *= decay(Math.max(0, minute - at));
    at = minute;
  };
  if (track.length > 0) put(at, 0);
  for (const { id, at_ms, event } of told) {
    pass(clockAt(track, id, at_ms) / 60_000);
    const weight = game.weight(event);
    force += text(event.team) === home ? weight : -weight;
    put(at, rounded(force));
  }
  const last = track.at(-1);
  if (last !== undefined && last.clockMs / 60_000 > at) pass(last.clockMs / 60_000 + 1e-9);
  return curve;
}

export class Series implements Curve {
  readonly minutes: number[] = [];
  readonly values: number[] = [];
  private gathered: Curve = { minutes: [], values: [] };
  private past: Curve = { minutes: [], values: [] };
  private seenKey = -1;
  private source: object | null = null;
  private force = 0;
  /** Where watching began, and the momentum that was taken for it. */
  private seam = { minute: 0, force: 0 };
  private at: number | null = null;

  constructor(private readonly game: GameView) {}

  /**
   * Takes the document and the feed as they are now; says whether the series has changed.
   *
   * @param source another object where the feed is another one.
   */
  add(doc: JsonObject, feed: readonly { key: number; event: JsonObject }[], source: object | null = null): boolean {
    const clock = clockOf(doc);
    if (clock === null) return false;
    const minute = clock / 60_000;
    const leapt = this.at === null || source !== this.source || minute < this.at || minute - this.at > HOLE_MIN;
    if (leapt) this.leap(minute, feed);
    this.source = source;
    const value = this.game.leadOf === null ? this.pushed(doc, feed, minute - (this.at ?? minute)) : this.game.leadOf(doc);
    this.at = minute;
    if (value === null) return leapt;
    const changed = this.put(minute, value);
    if (leapt) this.join();
    return changed || leapt;
  }

  /** What was before the page came, or while it was elsewhere. */
  fill(past: Curve): void {
    this.past = past;
    if (this.game.leadOf === null) this.seamed(valueAt(past, this.seam.minute));
    this.join();
  }

  private put(minute: number, value: number): boolean {
    let changed = false;
    for (const { minutes, values } of [this.gathered, this]) {
      if (minutes.at(-1) === minute) {
        changed = values.at(-1) !== value;
        values[values.length - 1] = value;
      } else {
        changed = minutes.push(minute) > 0;
        values.push(value);
      }
    }
    if (this.gathered.minutes.length > POINTS) {
      this.thin();
      this.join();
    }
    return changed;
  }

  /** The match is seen at another moment: nothing is shown of what comes after it. */
  private leap(minute: number, feed: readonly { key: number }[]): void {
    const kept = this.gathered.minutes.filter((one) => one < minute).length;
    this.gathered.minutes.length = this.gathered.values.length = kept;
    // What the feed has already came before: the course tells of it.
    this.seenKey = feed.at(-1)?.key ?? -1;
    this.force = this.game.leadOf === null ? valueAt(this.past, minute) : 0;
    this.seam = { minute, force: this.force };
    this.at = minute;
  }

  private pushed(doc: JsonObject, feed: readonly { key: number; event: JsonObject }[], since: number): number {
    const [home] = teamsOf(doc);
    this.force *= decay(since);
    for (const { key, event } of feed) {
      if (key <= this.seenKey) continue;
      const weight = this.game.weight(event);
      this.force += text(event.team) === home?.id ? weight : -weight;
    }
    this.seenKey = feed.at(-1)?.key ?? this.seenKey;
    return rounded(this.force);
  }

  /** Watching began with more momentum than was known. */
  private seamed(force: number): void {
    const more = force - this.seam.force;
    this.seam.force = force;
    const { minutes, values } = this.gathered;
    for (const [i, minute] of minutes.entries()) if (minute >= this.seam.minute) values[i] = rounded(values[i]! + more * decay(minute - this.seam.minute));
    if (this.at !== null) this.force += more * decay(this.at - this.seam.minute);
  }

  /** What was gathered, and in its holes what the course says; nothing after the moment that is shown. */
  private join(): void {
    this.minutes.length = this.values.length = 0;
    let next = 0;
    let last = -Infinity;
    const take = (until: number): void => {
      for (; next < this.past.minutes.length && this.past.minutes[next]! < until; next++)
        if (until - last > HOLE_MIN && this.past.minutes[next]! > last) {
          this.minutes.push(this.past.minutes[next]!);
          this.values.push(this.past.values[next]!);
        }
    };
    for (const [i, minute] of this.gathered.minutes.entries()) {
      take(minute);
      this.minutes.push(minute);
      this.values.push(this.gathered.values[i]!);
      last = minute;
    }
    if (last === -Infinity && this.at !== null) take(this.at);
  }

  /** A long match keeps its shape with half the points. */
  private thin(): void {
    for (const name of ["minutes", "values"] as const) this.gathered[name] = this.gathered[name].filter((_, i) => i % 2 === 0 || i === POINTS);
  }
}

/** The curve's momentum at a time. */
function valueAt({ minutes, values }: Curve, minute: number): number {
  let found = -1;
  while (found + 1 < minutes.length && minutes[found + 1]! <= minute) found++;
  return found < 0 ? 0 : values[found]! * decay(minute - minutes[found]!);
}

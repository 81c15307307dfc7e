/** A match's own time, as its course tells it: from a place on the slider to a moment of the stream, and back. Pure. */
import type { JsonObject } from "../../client/src/index.js";
import { isObject, number, text } from "./document.js";

export interface CoursePoint {
  id: string;
  at_ms: number;
  clock?: JsonObject;
  teams?: JsonObject;
  figures?: JsonObject;
}

export interface Course {
  points: CoursePoint[];
}

/** A point of the course on the match's own time: a clock that goes back (a second half begins at 45:00) has been played on. */
export interface Step {
  id: string;
  atMs: number;
  clockMs: number;
  playedMs: number;
  period: string;
}

export const clockOf = (doc: JsonObject): number | null => (isObject(doc.clock) ? number(doc.clock.t_ms) : null);

export function trackOf(points: readonly CoursePoint[]): Step[] {
  const steps: Step[] = [];
  for (const { id, at_ms: atMs, clock } of points) {
    const clockMs = clock === undefined ? null : number(clock.t_ms);
    const last = steps.at(-1);
    if (clockMs === null || (last !== undefined && !isAfter(id, last.id))) continue;
    steps.push({ id, atMs, clockMs, playedMs: last === undefined ? 0 : last.playedMs + Math.max(0, clockMs - last.clockMs), period: text(clock?.period) });
  }
  return steps;
}

/** How much has been played where a version of the document stands, and its clock with it. */
export function playedAt(track: readonly Step[], version: string | null, clockMs: number | null): number {
  const number = lastStep(track, (step) => version === null || !isAfter(step.id, version));
  const step = track[number];
  if (step === undefined) return 0;
  const next = track[number + 1];
  const played = step.playedMs + Math.max(0, (clockMs ?? step.clockMs) - step.clockMs);
  return next === undefined ? played : Math.min(played, next.playedMs);
}

export interface Moment {
  /** As a rewind is asked for: an entry, a time, or so long ago. */
  at: string;
  clockMs: number;
}

/** The moment at which so much had been played, of `endMs` up to now. */
export function momentAt(track: readonly Step[], playedMs: number, endMs: number): Moment {
  const number = Math.max(0, lastStep(track, (step) => step.playedMs <= playedMs));
  const step = track[number]!;
  const next = track[number + 1];
  const into = playedMs - step.playedMs;
  const clockMs = step.clockMs + Math.max(0, into);
  if (into <= 0) return { at: step.id, clockMs: step.clockMs };
  if (next !== undefined) {
    const share = into / (next.playedMs - step.playedMs);
    return { at: String(Math.floor(step.atMs + share * (next.atMs - step.atMs))), clockMs: Math.min(clockMs, Math.max(step.clockMs, next.clockMs)) };
  }
  // After the last point that is known only the time until now can be told; how fast the match's clock runs was seen before.
  const before = track[number - 1];
  const pace = before !== undefined && step.playedMs > before.playedMs ? (step.atMs - before.atMs) / (step.playedMs - before.playedMs) : 1;
  return { at: `-${Math.ceil((Math.max(0, endMs - playedMs) * Math.max(0, pace)) / 1000)}s`, clockMs };
}

/** The step of the course that an event belongs to; of what came before all of them the first one. */
export const stepAt = (track: readonly Step[], id: string): Step | undefined => track[Math.max(0, lastStep(track, (step) => !isAfter(step.id, id)))];

/** What the match's clock said when an event came. */
export function clockAt(track: readonly Step[], id: string, atMs: number): number {
  const number = Math.max(0, lastStep(track, (step) => !isAfter(step.id, id)));
  const step = track[number];
  if (step === undefined) return 0;
  const next = track[number + 1];
  if (next === undefined || next.clockMs <= step.clockMs) return step.clockMs;
  const [from, to, here] = [numberOf(step.id), numberOf(next.id), numberOf(id)];
  // What was published in one go has come at one time; its order is all there is then.
  const share = next.atMs - step.atMs >= 1_000 ? (atMs - step.atMs) / (next.atMs - step.atMs) : (here - from) / Math.max(1, to - from);
  return step.clockMs + Math.max(0, Math.min(1, share)) * (next.clockMs - step.clockMs);
}

/** Whether one position, `7-42` or a version, comes after another one. */
export function isAfter(one: string, other: string): boolean {
  const epochs = Number.parseInt(one) - Number.parseInt(other);
  return epochs === 0 ? numberOf(one) > numberOf(other) : epochs > 0;
}

const numberOf = (id: string): number => Number.parseInt(id.slice(id.indexOf("-") + 1));

/** The last step for which `holds` is true, as it is for all before it; -1 where there is none. */
function lastStep(track: readonly Step[], holds: (step: Step) => boolean): number {
  let low = 0;
  let high = track.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(track[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Messages as they should be, and what is left of them after a bad way. */
import type { ServerMessage } from "../src/index.js";

export const GOOD: readonly ServerMessage[] = [
  { type: "snapshot", channel: "match:1", version: "1-0.a", state: { n: 0 }, feed: [{ op: "x", n: 0 }], status: "live" },
  { type: "delta", channel: "match:1", from: "1-0.a", version: "1-1.b", patch: { n: 1, gone: null }, events: [{ op: "x", n: 1 }], skipped: 2 },
  { type: "tick", channel: "match:1", version: "1-0.a" },
  { type: "status", channel: "match:1", status: "lagging", behind_ms: 700 },
  { type: "error", code: "bad_request", message: "no" },
  { type: "bye", reason: "drain", retry_ms: [1, 2] },
];

/** Whole numbers below a bound, the same ones for the same seed (Lehmer). */
export function random(seed: number): (below: number) => number {
  return (below) => (seed = (seed * 48271) % 2147483647) % below;
}

const PIECES = ["", "0", "-1", "1e9", "1e999", "null", "true", "[]", "{}", '""', '"', "\\", "}", "]", ",", ":", "\0", "\n", "\r", "é", "\ud800", '"__proto__":', '{"a":{"b":[null]}}', '"snapshot"', "data: "];

/** The text with a few places replaced: by what JSON is made of, or by any characters. */
export function spoiled(text: string, next: (below: number) => number): string {
  for (let places = 1 + next(3); places > 0; places--) {
    const at = next(text.length + 1);
    const piece = next(3) > 0 ? PIECES[next(PIECES.length)]! : String.fromCharCode(...Array.from({ length: next(4) }, () => next(65_536)));
    text = text.slice(0, at) + piece + text.slice(at + next(6));
  }
  return text;
}

/**
 * Names of others in sentences of ours: one that is written from right to left leaves what stands beside it where it is
 * (UAX #9). Where a name stands alone in an element of its own, `<bdi>` is enough.
 */
import { Fragment } from "react";

/** Letters of scripts that go from right to left, and controls of direction. */
const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
/** With these a name could end its own isolation. */
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;
const ISOLATED = /\u2068([^\u2069]*)\u2069/;

/** A name for a sentence: those that could turn it around are in an isolate (FSI … PDI). */
export const isolated = (name: string): string => (TURNS.test(name) ? `\u2068${name.replace(CONTROLS, "")}\u2069` : name);

/** A sentence with such names as elements. */
export function Sentence({ text }: { text: string }) {
  const parts = text.split(ISOLATED);
  return parts.length === 1 ? text : parts.map((part, i) => (i % 2 === 0 ? <Fragment key={i}>{part}</Fragment> : <bdi key={i}>{part}</bdi>));
}

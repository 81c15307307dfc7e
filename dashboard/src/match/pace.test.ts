import { describe, expect, it } from "vitest";
import { Pace, STEPS_MS } from "./pace.js";

const FRAME_MS = 1000 / 60;

/** Runs frames of a page that misses every `missed`-th one (0: none); returns how many pictures were drawn. */
function run(pace: Pace, from: number, seconds: number, missed: (everyMs: number) => number, frameMs = FRAME_MS): { now: number; drawn: number } {
  let [now, drawn] = [from, 0];
  for (let frame = 1; now < from + seconds * 1000; frame++) {
    if (pace.due(now)) drawn++;
    const every = missed(pace.everyMs);
    now += frameMs * (every > 0 && frame % every === 0 ? 2 : 1);
  }
  return { now, drawn };
}

describe("the pace of a picture", () => {
  it("is every frame where none is missed, and sixty a second on a faster screen", () => {
    expect(run(new Pace(), 0, 10, () => 0).drawn).toBeCloseTo(600, -1);
    const { drawn } = run(new Pace(), 0, 10, () => 0, 1000 / 120);
    expect(drawn).toBeGreaterThan(590);
    expect(drawn).toBeLessThan(610);
  });

  it("falls until frames are no more missed, and stays there", () => {
    const pace = new Pace();
    const { now } = run(pace, 0, 10, (everyMs) => (everyMs < 30 ? 4 : 0));
    expect(pace.everyMs).toBe(STEPS_MS[1]);
    const tries = run(pace, now, 120, (everyMs) => (everyMs < 30 ? 4 : 0));
    // More is tried now and then, ever more seldom.
    expect(tries.drawn).toBeGreaterThan(30 * 110);
    expect(tries.drawn).toBeLessThan(30 * 130);
  });

  it("rises again when the page has time", () => {
    const pace = new Pace();
    const { now } = run(pace, 0, 10, () => 3);
    expect(pace.everyMs).toBe(STEPS_MS[2]);
    run(pace, now, 60, () => 0);
    expect(pace.everyMs).toBe(STEPS_MS[0]);
  });

  it("takes a hidden tab for no slow one", () => {
    const pace = new Pace();
    for (let now = 0, frame = 0; frame < 600; frame++, now += frame % 20 === 0 ? 2_000 : FRAME_MS) pace.due(now);
    expect(pace.everyMs).toBe(STEPS_MS[0]);
  });
});

import { describe, expect, it } from "vitest";
import { clockAt, isAfter, momentAt, playedAt, trackOf } from "./course.js";

const point = (id: string, at_ms: number, t_ms: number) => ({ id, at_ms, clock: { t_ms } });
/** A half, a break in which the clock stands, and a second half that begins a minute before the first one ended. */
const track = trackOf([point("3-0", 1_000_000, 0), point("3-10", 1_010_000, 30_000), point("3-20", 1_020_000, 60_000), point("3-21", 1_100_000, 60_000), point("4-0", 1_110_000, 0), point("4-10", 1_120_000, 30_000)]);

describe("a match's own time", () => {
  it("goes on where the clock goes back", () => {
    expect(track.map(({ playedMs }) => playedMs)).toEqual([0, 30_000, 60_000, 60_000, 60_000, 90_000]);
  });

  it("leaves out what has no clock or is out of order", () => {
    expect(trackOf([point("3-5", 1, 0), { id: "3-6", at_ms: 2 }, point("3-4", 3, 5), { id: "3-7", at_ms: 4, clock: { t_ms: "odd" } }])).toHaveLength(1);
    expect(trackOf([])).toEqual([]);
  });

  it("says where a version stands, between the points around it", () => {
    expect(playedAt(track, "3-14.9f3ac07e", 40_000)).toBe(40_000);
    expect(playedAt(track, "3-14.9f3ac07e", 99_000)).toBe(60_000);
    expect(playedAt(track, "4-5.00000000", 10_000)).toBe(70_000);
    expect(playedAt(track, "4-99.00000000", 45_000)).toBe(105_000);
    expect(playedAt(track, "2-7.00000000", 45_000)).toBe(0);
    expect(playedAt([], "3-1.00000000", 5)).toBe(0);
  });

  it("names the entry of a point, the time between two, and so long ago after the last", () => {
    expect(momentAt(track, 30_000, 120_000)).toEqual({ at: "3-10", clockMs: 30_000 });
    expect(momentAt(track, 45_000, 120_000)).toEqual({ at: "1015000", clockMs: 45_000 });
    expect(momentAt(track, 60_000, 120_000)).toEqual({ at: "4-0", clockMs: 0 });
    expect(momentAt(track, 75_000, 120_000)).toEqual({ at: "1115000", clockMs: 15_000 });
    // Ten real seconds for thirty of the match.
    expect(momentAt(track, 102_000, 120_000)).toEqual({ at: "-6s", clockMs: 42_000 });
    expect(momentAt(track, -5, 120_000)).toEqual({ at: "3-0", clockMs: 0 });
    expect(momentAt(track.slice(0, 1), 12_000, 20_000)).toEqual({ at: "-8s", clockMs: 12_000 });
  });

  it("gives events the clock that they had", () => {
    expect(clockAt(track, "3-12", 1_012_000)).toBe(36_000);
    expect(clockAt(track, "3-21", 1_090_000)).toBe(60_000);
    expect(clockAt(track, "9-9", 9_000_000)).toBe(30_000);
    // Published in one go: by their order.
    expect(clockAt(trackOf([point("1-0", 5, 0), point("1-10", 9, 30_000)]), "1-5", 5)).toBe(15_000);
    expect(clockAt([], "1-5", 5)).toBe(0);
  });

  it("orders positions by their numbers", () => {
    expect(isAfter("7-10", "7-9.deadbeef")).toBe(true);
    expect(isAfter("10-0", "9-99")).toBe(true);
    expect(isAfter("7-9", "7-9.deadbeef")).toBe(false);
  });
});

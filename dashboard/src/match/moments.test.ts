import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../client/src/index.js";
import { trackOf } from "./course.js";
import { Moments } from "./moments.js";
import { dota2 } from "./games/dota2.js";
import { football } from "./games/football.js";

const source = {};
const event = (n: number): JsonObject => ({ op: "pass", n });
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ key: from + i, event: event(from + i) }));
const doc = (t_ms: number, period = "1H"): JsonObject => ({ clock: { t_ms, period } });
/** Ten seconds of the match an entry. */
const track = trackOf([0, 10, 20].map((seq) => ({ id: `3-${seq}`, at_ms: 1_000_000 + seq * 10_000, clock: { t_ms: seq * 10_000, period: "1H" } })));
const told = (seq: number, n: number) => ({ id: `3-${seq}`, at_ms: 1_000_000 + seq * 10_000, event: event(n) });

describe("the moments of a feed", () => {
  it("are those of the document with which its events came", () => {
    const moments = new Moments();
    expect(moments.take({ doc: doc(0), feed: [], source, version: "3-0.a" })).toBeNull();
    expect(moments.take({ doc: doc(8_000), feed: rows(0, 2), source, version: "3-1.a" })).toBeNull();
    expect(moments.take({ doc: doc(9_000), feed: rows(0, 3), source, version: "3-2.a" })).toBeNull();
    expect(rows(0, 3).map((row) => moments.of(row)!.t_ms)).toEqual([8_000, 8_000, 9_000]);
  });

  it("are the history's where they were before the page, or came in a hole", () => {
    const moments = new Moments();
    const first = moments.take({ doc: doc(100_000), feed: rows(0, 3), source, version: "3-10.a" })!;
    expect(first.feed).toHaveLength(3);
    expect(moments.of(rows(0, 1)[0]!)).toBeNull();
    // The feed has left one out, the history has none of its oldest.
    moments.fill(first, [told(10, 2), told(9, 99), told(4, 1)], track);
    expect(rows(0, 3).map((row) => moments.of(row)?.t_ms)).toEqual([undefined, 40_000, 100_000]);
    const hole = moments.take({ doc: doc(160_000), feed: rows(0, 5), source, version: "3-16.a" })!;
    expect(moments.of(rows(4, 5)[0]!)).toBeNull();
    moments.fill(hole, [told(15, 4), told(12, 3), told(10, 2)], track);
    expect(rows(2, 5).map((row) => moments.of(row)!.t_ms)).toEqual([100_000, 120_000, 150_000]);
  });

  it("begin anew where another moment of the match is shown", () => {
    const moments = new Moments();
    moments.take({ doc: doc(0), feed: [], source, version: "3-0.a" });
    moments.take({ doc: doc(1_000), feed: rows(0, 1), source, version: "3-1.a" });
    expect(moments.take({ doc: doc(1_500), feed: rows(0, 1), source: {}, version: "3-1.a" })).not.toBeNull();
    expect(moments.of(rows(0, 1)[0]!)).toBeNull();
  });

  it("are what an event says itself", () => {
    const moments = new Moments();
    moments.take({ doc: doc(5_000_000), feed: [], source, version: "3-0.a" });
    expect(moments.of({ key: 0, event: { op: "objective", t_ms: 7 } })).toEqual({ t_ms: 7 });
    expect(football.when(moments.of({ key: 1, event: { op: "score", minute: 18 } })!)).toBe("18′");
  });
});

it.each([
  [0, "1H", "1′"],
  [44 * 60_000 + 59_999, "1H", "45′"],
  [46 * 60_000, "1H", "45+2′"],
  [46 * 60_000, "2H", "47′"],
  [90 * 60_000, "2H", "90+1′"],
])("a football match's %i ms of %s are %s", (t_ms, period, said) => expect(football.when({ t_ms, period })).toBe(said));

it("is a clock in other games", () => expect([-80_000, 1_731_000].map((t_ms) => dota2.when({ t_ms }))).toEqual(["−1:20", "28:51"]));

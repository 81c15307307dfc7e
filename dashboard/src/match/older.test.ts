import { describe, expect, it } from "vitest";
import { cursorAfter, olderThan } from "./older.js";

const event = (n: number | string) => ({ op: "pass", n });
const history = (...list: (number | string)[]) => list.map((n, id) => ({ id, event: event(n) }));
const ns = (rows: readonly { event: object }[]) => rows.map((row) => (row.event as { n: number }).n);

describe("older events", () => {
  it("begin after the feed's oldest", () => {
    expect(ns(olderThan([3, 4, 5].map(event), history(5, 4, 3, 2, 1)))).toEqual([2, 1]);
  });

  it("begin there also where the feed has what is not stored yet, or lacks what conflation left out", () => {
    expect(ns(olderThan([3, 4, 5, 6, 7].map(event), history(5, 4, 3, 2, 1)))).toEqual([2, 1]);
    expect(ns(olderThan([3, 6, 9].map(event), history(9, 8, 7, 6, 5, 4, 3, 2, 1)))).toEqual([2, 1]);
  });

  it("know the feed's oldest from others that read the same", () => {
    expect(ns(olderThan(["a", "b", "c", "a"].map(event), history("x", "a", "c", "b", "a", "b", "a", "z")))).toEqual(["b", "a", "z"]);
  });

  it("are all where the feed has nothing, or is of another time", () => {
    expect(ns(olderThan([], history(2, 1)))).toEqual([2, 1]);
    expect(ns(olderThan([9].map(event), history(2, 1)))).toEqual([2, 1]);
    expect(olderThan([1].map(event), [])).toEqual([]);
  });

  it("are asked for from behind the version that is shown", () => {
    expect(cursorAfter("7-42.9f3ac07e")).toBe("7-43");
  });
});

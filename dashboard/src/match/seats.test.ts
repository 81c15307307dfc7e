import { describe, expect, it } from "vitest";
import { Seats } from "./seats.js";

describe("seats of rows", () => {
  it("stay with rows that stay", () => {
    const seats = new Seats();
    const first = seats.of([4, 3, 2, 1]);
    const second = seats.of([5, 4, 3, 2]);
    expect(second.slice(1)).toEqual(first.slice(0, 3));
    expect(new Set([...first, second[0]]).size).toBe(5);
    expect(seats.of([5, 4, 3, 2])).toEqual(second);
  });

  it("are taken over, in their order, where most rows are others", () => {
    const seats = new Seats();
    const first = seats.of(["d", "c", "b", "a"]);
    expect(seats.of(["h", "g", "f", "e"])).toEqual(first);
    // One of four stays: it moves to another element.
    expect(seats.of(["l", "k", "i", "h"])).toEqual(first);
  });

  it("are never two rows' at once, however the list grows and shrinks", () => {
    const seats = new Seats();
    let random = 1;
    for (let turn = 0; turn < 500; turn++) {
      random = (random * 48271) % 2147483647;
      const [from, count] = [random % 40, (random >> 8) % 30];
      const given = seats.of(Array.from({ length: count }, (_, i) => from + i));
      expect(new Set(given).size).toBe(count);
    }
  });
});

import { describe, expect, it } from "vitest";
import { VALUES, valuesOf } from "./values.js";

describe("a curve as rows", () => {
  it("is empty where nothing is known", () => expect(valuesOf({ minutes: [], values: [] })).toEqual([]));
  it("has all of a short one", () => {
    expect(valuesOf({ minutes: [3], values: [-2] })).toEqual([[3, -2]]);
    expect(valuesOf({ minutes: [0, 1, 2], values: [0, 5, -5] })).toEqual([[0, 0], [1, 5], [2, -5]]);
  });
  it.each([VALUES, VALUES + 1, 500, 1_200])("has the ends of one of %i points, in order and each once", (points) => {
    const minutes = Array.from({ length: points }, (_, i) => i / 4);
    const rows = valuesOf({ minutes, values: minutes.map((minute) => minute * 2) });
    expect(rows).toHaveLength(VALUES);
    expect([rows[0]![0], rows.at(-1)![0]]).toEqual([0, minutes.at(-1)]);
    expect(rows.every(([minute, value], i) => value === minute * 2 && (i === 0 || minute > rows[i - 1]![0]))).toBe(true);
  });
});

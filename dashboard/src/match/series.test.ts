import { describe, expect, it } from "vitest";
import { gameOf } from "./games/index.js";
import { Series } from "./series.js";

const at = (t_ms: number, gold: number) => ({ clock: { t_ms }, figures: { advantage: { gold } }, teams: { a: { order: 0 }, b: { order: 1 } } });

describe("a series", () => {
  it("follows the document's lead, one value a time", () => {
    const series = new Series(gameOf("dota2"));
    expect(series.add(at(60_000, 10), [])).toBe(true);
    expect(series.add(at(60_000, 10), [])).toBe(false);
    expect(series.add(at(60_000, 20), [])).toBe(true);
    expect(series.add(at(120_000, -5), [])).toBe(true);
    expect([series.minutes, series.values]).toEqual([[1, 2], [20, -5]]);
  });

  it("begins anew when the clock goes back, and stays bounded", () => {
    const series = new Series(gameOf("dota2"));
    for (let i = 0; i < 5_000; i++) series.add(at(i * 1000, i), []);
    expect(series.minutes.length).toBeLessThanOrEqual(1_200);
    expect(series.values.at(-1)).toBe(4_999);
    series.add(at(0, 1), []);
    expect(series.values).toEqual([1]);
  });

  it("weighs each event once, for the team that did it", () => {
    const series = new Series(gameOf("football"));
    const feed = [{ key: 0, event: { op: "shot", team: "b" } }];
    series.add(at(0, 0), feed);
    expect(series.values).toEqual([-5]);
    series.add(at(45_000, 0), feed);
    expect(series.values.at(-1)).toBe(-2.5);
  });
});

import { describe, expect, it } from "vitest";
import { trackOf } from "./course.js";
import { gameOf } from "./games/index.js";
import { curveOf, Series } from "./series.js";

const at = (t_ms: number, gold: number) => ({ clock: { t_ms }, figures: { advantage: { gold } }, teams: { a: { order: 0 }, b: { order: 1 } } });
const point = (t_ms: number, gold: number) => ({ id: `1-${t_ms / 1000}`, at_ms: 1e12 + t_ms, ...at(t_ms, gold) });

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
    expect(series.minutes.every((minute, i, all) => i === 0 || minute > all[i - 1]!)).toBe(true);
    series.add(at(0, 1), []);
    expect(series.values).toEqual([1]);
  });

  it("weighs each event once, for the team that did it", () => {
    const series = new Series(gameOf("football"));
    const feed = [{ key: 0, event: { op: "shot", team: "a" } }];
    // What the page found was before it came.
    series.add(at(0, 0), feed);
    expect(series.values).toEqual([0]);
    feed.push({ key: 1, event: { op: "shot", team: "b" } });
    series.add(at(15_000, 0), feed);
    expect(series.values.at(-1)).toBe(-5);
    series.add(at(30_000, 0), feed);
    series.add(at(60_000, 0), feed);
    expect(series.values.at(-1)).toBe(-2.5);
  });

  it("is whole where a page came late: the course before, what was watched after it", () => {
    const game = gameOf("dota2");
    const series = new Series(game);
    series.add(at(600_000, 70), []);
    series.add(at(601_000, 71), []);
    const points = [0, 300_000, 570_000, 630_000].map((t_ms) => point(t_ms, t_ms / 10_000));
    series.fill(curveOf(game, points, trackOf(points), [], "a"));
    expect(series.minutes).toEqual([0, 5, 9.5, 10, 601 / 60]);
    expect(series.values).toEqual([0, 30, 57, 70, 71]);
    series.add(at(602_000, 72), []);
    expect(series.values.at(-1)).toBe(72);
  });

  it("tells nothing of what comes after the moment that is shown, and is whole again after it", () => {
    const game = gameOf("dota2");
    const series = new Series(game);
    const points = [0, 300_000, 600_000].map((t_ms) => point(t_ms, t_ms / 10_000));
    series.add(at(605_000, 61), [], points);
    series.fill(curveOf(game, points, trackOf(points), [], "a"));
    series.add(at(330_000, 33), [], game);
    expect(series.minutes).toEqual([0, 5, 5.5]);
    series.add(at(606_000, 62), [], points);
    expect(series.values).toEqual([0, 30, 33, 60, 62]);
  });

  it("has the same momentum whether it was watched or is told", () => {
    const game = gameOf("football");
    const happened = Array.from({ length: 60 }, (_, i) => ({ op: i % 7 === 0 ? "shot" : "pass", team: i % 3 === 0 ? "a" : "b" }));
    const points = [0, 300_000, 600_000].map((t_ms) => point(t_ms, 0));
    const told = happened.map((event, i) => ({ id: `1-${i * 10}`, at_ms: 1e12 + i * 10_000, event }));
    const whole = curveOf(game, points, trackOf(points), told, "a");
    const series = new Series(game);
    const feed = happened.map((event, key) => ({ key, event }));
    for (let i = 30; i < 60; i++) {
      series.add(at(i * 10_000, 0), feed.slice(0, i + 1));
      // The history comes in the middle of it.
      if (i === 45) series.fill(whole);
    }
    for (const i of [10, 29, 30, 44, 50, 59]) {
      const minute = i / 6;
      const mine = series.values[series.minutes.findIndex((one) => Math.abs(one - minute) < 1e-6)]!;
      const theirs = whole.values[whole.minutes.findIndex((one) => Math.abs(one - minute) < 1e-6)]!;
      expect(Math.abs(mine - theirs)).toBeLessThan(0.35);
    }
    expect(series.minutes[0]).toBe(0);
  });
});

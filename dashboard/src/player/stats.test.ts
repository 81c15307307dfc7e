import { expect, it } from "vitest";
import { figuresOf, metricsOf, type RecentMatch } from "./stats.js";

it("puts what tells most first, and what is not known by its total", () => {
  const figures = figuresOf({ totals: { wards: 3, deaths: 9, kills: 7, runes: 5 }, rates: { kills_per_match: 3.5 } });
  expect(figures.map(({ metric }) => metric)).toEqual(["kills", "deaths", "runes", "wards"]);
  expect(figures[0]).toEqual({ metric: "kills", total: 7, rate: 3.5 });
  expect(figures[1]?.rate).toBeNull();
});

it("names the metrics of the last matches in the same order", () => {
  const match = (totals: Record<string, number>): RecentMatch => ({ match: "m", title: null, team: null, result: null, totals, ended_ms: null });
  expect(metricsOf([match({ wards: 1, deaths: 2 }), match({ kills: 3, runes: 1 })], 3)).toEqual(["kills", "deaths", "runes"]);
});

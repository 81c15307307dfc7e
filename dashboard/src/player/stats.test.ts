import { expect, it } from "vitest";
import { figuresOf } from "./stats.js";

it("puts what tells most first, and what is not known by its total", () => {
  const figures = figuresOf({ totals: { wards: 3, deaths: 9, kills: 7, runes: 5 }, rates: { kills_per_match: 3.5 } });
  expect(figures.map(({ metric }) => metric)).toEqual(["kills", "deaths", "runes", "wards"]);
  expect(figures[0]).toEqual({ metric: "kills", total: 7, rate: 3.5 });
  expect(figures[1]?.rate).toBeNull();
});

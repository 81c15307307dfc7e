import { describe, expect, it } from "vitest";
import { clockText, colourOf, playerIds, teamsOf } from "./document.js";
import { teamFigure } from "./games/index.js";

describe("a match's document", () => {
  it("may lack any part", () => {
    for (const doc of [{}, { teams: 5, players: [], clock: "x" }, { teams: { a: null }, players: { p: 3 } }]) {
      expect(teamsOf(doc)).toEqual([]);
      expect(playerIds(doc)).toEqual([]);
      expect(clockText(doc)).toBe("–:––");
      expect(teamFigure(doc, "a", "kills", true)).toBeNull();
    }
  });

  it("gives teams in order and players by side", () => {
    const doc = { teams: { b: { name: "B", score: 2, order: 1 }, a: { name: "A", order: 0 } }, players: { q: { team: "b", kills: 3 }, p: { team: "a", kills: 1 }, r: { team: "b", kills: 2 } } };
    expect(teamsOf(doc).map(({ id, score }) => [id, score])).toEqual([["a", 0], ["b", 2]]);
    expect(playerIds(doc)).toEqual(["p", "q", "r"]);
    expect(teamFigure(doc, "b", "kills", true)).toBe(5);
    expect(teamFigure(doc, "b", "kills", false)).toBeNull();
  });

  it("takes a colour only if it is one", () => {
    expect(colourOf("#2b4fa8")).toBe("#2b4fa8");
    for (const value of ["red", "#12", "url(x)", 7, null]) expect(colourOf(value)).toBeNull();
  });

  it("shows time before the start", () => {
    expect(clockText({ clock: { t_ms: -61_000 } })).toBe("−1:01");
  });
});

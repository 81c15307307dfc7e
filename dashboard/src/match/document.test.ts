import { describe, expect, it } from "vitest";
import { clockText, columnsOf, eventText, playersOf, teamsOf } from "./document.js";

describe("a match's document", () => {
  it("may lack any part", () => {
    for (const doc of [{}, { teams: 5, players: [], clock: "x" }, { teams: { a: null }, players: { p: 3 } }]) {
      const teams = teamsOf(doc);
      expect(teams).toEqual([]);
      expect(playersOf(doc, teams)).toEqual([]);
      expect(clockText(doc)).toBe("–:––");
    }
  });

  it("gives teams in order and players by side", () => {
    const doc = { teams: { b: { name: "B", score: 2, order: 1 }, a: { name: "A", order: 0 } }, players: { p: { team: "b", kills: 3, pos: [1, 2, 3] } } };
    const teams = teamsOf(doc);
    expect(teams.map(({ id, score }) => [id, score])).toEqual([["a", 0], ["b", 2]]);
    const players = playersOf(doc, teams);
    expect(players[0]).toMatchObject({ id: "p", name: "p", side: 1, at: [1, 2] });
    expect(columnsOf(players)).toEqual([["kills", "K"]]);
  });

  it("says events in words, with whatever fields they have", () => {
    const names = new Map([["p1", "<img onerror=alert(1)>"]]);
    expect(eventText({ op: "kill", actor: "p1", target: "p2" }, names)).toBe("<img onerror=alert(1)> killed p2");
    expect(eventText({ op: 3 as never, actor: {} as never }, names)).toBe("event");
  });

  it("shows time before the start", () => {
    expect(clockText({ clock: { t_ms: -61_000 } })).toBe("−1:01");
  });
});

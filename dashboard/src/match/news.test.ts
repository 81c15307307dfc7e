// @vitest-environment jsdom
import { describe, expect, it, vi } from "vitest";

// Words follow what the viewer has chosen, which asks the browser.
vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
const { gameOf } = await import("./games/index.js");
const { newsOf, standingOf } = await import("./news.js");
const { useWords } = await import("./words.js");

const names = new Map([["p1", "Ana"], ["p2", "Bo"]]);
const doc = (red: number, blue: number) => ({ winner: "red", teams: { red: { name: "Red", score: red, order: 0 }, blue: { name: "Blue", score: blue, order: 1 } } });
const source = {};
const view = (red: number, status: string, ...ops: object[]) => ({ doc: doc(red, 0), status, source, feed: ops.map((event, key) => ({ key, event: event as never })) });
const kill = { op: "kill", actor: "p1", target: "p2" };
const said = (before: ReturnType<typeof view>, after: ReturnType<typeof view>, wanted: "important" | "all" = "important") =>
  newsOf(standingOf(before), after, gameOf("arena"), wanted, names, useWords.now());

describe("what is told of a match", () => {
  it("is what counts, and the score where it is another", () => {
    const before = view(0, "live", kill);
    expect(said(before, view(0, "live", kill))).toBe("");
    expect(said(before, view(0, "live", kill, { op: "pickup", player: "p1" }))).toBe("");
    expect(said(before, view(0, "live", kill, { op: "pickup", player: "p1" }), "all")).toBe("Ana picks up gold");
    expect(said(before, view(1, "live", kill, { op: "score", team: "red" }))).toBe("Red 1, Blue 0");
    expect(said(before, view(2, "live", kill, kill, kill, kill, kill))).toBe("Ana killed Bo. Ana killed Bo. Ana killed Bo. Red 2, Blue 0");
  });

  it("says once that the match stands, goes on or is over", () => {
    const [live, paused, ended] = [view(0, "live"), view(0, "paused"), view(0, "ended", { op: "end", winner: "red" })];
    expect(said(live, paused)).toBe("The match is paused");
    expect(said(paused, view(0, "paused"))).toBe("");
    expect(said(paused, live)).toBe("The match goes on");
    expect(said(live, ended)).toBe("The match has ended. Red won");
    expect(said(live, view(0, "lagging"))).toBe("");
    expect(said(view(0, "lagging"), live)).toBe("");
  });
});

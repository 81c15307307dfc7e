import { describe, expect, it } from "vitest";
import { found, held, pagesFor, placed, together, topOf, type BoardPart, type Row } from "./rows.js";

const row = (member: string, rank: number, points = 100 - rank): Row => ({ member, rank, points });
const part = (offset: number, ...members: string[]): BoardPart => ({
  board: "kills.all", complete: true, as_of_ms: 1, total: 1000, offset, rows: members.map((member, i) => row(member, offset + i + 1)),
});
const order = (rows: ReadonlyMap<number, Row>): string =>
  [...rows].sort(([a], [b]) => a - b).map(([position, { member }]) => `${position}${member}`).join(" ");

describe("the live document", () => {
  it("becomes rows in order", () => {
    const top = topOf({ board: "kills.all", total: 3, as_of_ms: 5, rows: { a: { rank: 2, points: 4 }, b: { rank: 1, points: 9, name: "Bo" }, c: { rank: 2, points: 4 } } });
    expect(top?.rows).toEqual([{ rank: 1, member: "b", points: 9, name: "Bo" }, { rank: 2, member: "a", points: 4 }, { rank: 2, member: "c", points: 4 }]);
    expect(top?.total).toBe(3);
  });
  it("gives what it can when parts are wrong", () => {
    expect(topOf({ rows: { a: 7, b: { rank: "x", points: 1 }, c: { rank: 1, points: 2, name: 5 } } })?.rows).toEqual([{ rank: 1, member: "c", points: 2 }]);
    expect(topOf({ rows: [] })).toBeNull();
    expect(topOf({})).toBeNull();
  });
});

describe("what is known of a board", () => {
  const page = (complete: boolean, as_of_ms: number, total: number): BoardPart => ({ ...part(0, "a"), complete, as_of_ms, total });
  const known = (pages: BoardPart[], top: BoardPart | null, silent = false) => {
    const { complete, asOfMs, total } = together(pages, top, silent);
    return { complete, asOfMs, total };
  };
  it("is complete when all of it says so, and as new as the newest", () => {
    expect(known([page(true, 5, 10), page(true, 9, 11)], page(true, 7, 12))).toEqual({ complete: true, asOfMs: 9, total: 12 });
    expect(known([page(true, 5, 10), page(true, 9, 11)], null)).toEqual({ complete: true, asOfMs: 9, total: 11 });
    expect(known([], null)).toEqual({ complete: true, asOfMs: 0, total: 0 });
  });
  it.each([
    ["a page", [page(false, 1, 10), page(true, 9, 11)], page(true, 9, 12)],
    ["the newest page", [page(false, 9, 11)], page(true, 10, 12)],
    ["the document", [page(true, 9, 11)], page(false, 1, 12)],
  ] as const)("is incomplete when %s says so", (_, pages, top) => {
    expect(known([...pages], top).complete).toBe(false);
  });
  it("is incomplete when nobody writes the channel, and what was asked for is trusted more", () => {
    expect(known([page(true, 5, 10)], page(true, 9, 12), true)).toEqual({ complete: false, asOfMs: 9, total: 10 });
    expect(known([], page(true, 9, 12), true)).toEqual({ complete: false, asOfMs: 9, total: 12 });
  });
});

describe("parts", () => {
  it("are put at their places, and the newer wins", () => {
    expect(order(placed([part(0, "a", "b", "c"), part(3, "d", "e"), part(0, "b", "a", "c")]))).toBe("0b 1a 2c 3d 4e");
  });
  it("show nobody twice", () => {
    expect(order(placed([part(2, "x", "y"), part(0, "y", "z")]))).toBe("0y 1z 2x");
  });
  it("of positions are pages", () => {
    expect(pagesFor(-3, 5)).toEqual([0]);
    expect(pagesFor(95, 205)).toEqual([0, 1, 2]);
  });
});

describe("under the pointer", () => {
  const shown = placed([part(0, "a", "b", "c")]);
  const now = placed([{ ...part(0, "c", "a", "b"), rows: [row("c", 1, 50), row("a", 2, 40), row("b", 3, 30)] }]);
  it("places stay and points go on", () => {
    const { rows, moved } = held(shown, now);
    expect(order(rows)).toBe("0a 1b 2c");
    expect(rows.get(2)).toEqual({ member: "c", rank: 3, points: 50 });
    expect(moved).toBe(3);
  });
  it("nothing moves when nothing has moved", () => {
    expect(held(shown, shown).moved).toBe(0);
  });
  it("rows that come into view are added, but nobody twice", () => {
    const { rows } = held(shown, placed([part(0, "a", "x", "b", "c", "d")]));
    expect(order(rows)).toBe("0a 1b 2c 4d");
  });
});

describe("search", () => {
  const rows: Row[] = [{ ...row("p1", 3), name: "Banana" }, { ...row("p2", 9), name: "Ana" }, { ...row("p3", 1), name: "Juliana" }, row("ana-9", 2)];
  it("finds by name and id, those that begin so first", () => {
    expect(found(rows, " ana ", 10).map(({ member }) => member)).toEqual(["ana-9", "p2", "p3", "p1"]);
    expect(found(rows, "P3", 10)).toHaveLength(1);
    expect(found([{ ...row("p4", 1), name: "Kylian Mbappé" }], "MBAPPE", 10)).toHaveLength(1);
    expect(found(rows, "  ", 10)).toEqual([]);
    expect(found(rows, "an", 1)).toHaveLength(1);
  });
});

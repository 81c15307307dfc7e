/** A leaderboard as the page holds it: pages of rows as they were asked for, the live top over them, and what moved. Pure. */
import type { JsonObject } from "../../client/src/index.js";
import { isObject, number, text } from "../match/document.js";

export interface Row {
  rank: number;
  member: string;
  points: number;
  name?: string;
}

export interface BoardPart {
  board: string;
  complete: boolean;
  as_of_ms: number;
  total: number;
  offset: number;
  rows: Row[];
  member?: string;
}

export interface BoardInfo {
  board: string;
  metric: string;
  scope: string;
  members: number;
  complete: boolean;
  as_of_ms: number;
}

export const PAGE_ROWS = 100;

/** Where the gateway has a board. */
export const boardPath = (board: string): string => `/v1/leaderboards/${encodeURIComponent(board)}`;

/** The document of a `board:` channel; null where it is none. Rows that are none are left out. */
export function topOf(doc: JsonObject): BoardPart | null {
  if (!isObject(doc.rows)) return null;
  const rows: Row[] = [];
  for (const [member, row] of Object.entries(doc.rows)) {
    if (!isObject(row)) continue;
    const [rank, points] = [number(row.rank), number(row.points)];
    if (rank === null || points === null) continue;
    const name = text(row.name);
    rows.push(name ? { rank, member, points, name } : { rank, member, points });
  }
  rows.sort((a, b) => a.rank - b.rank || (a.member < b.member ? -1 : 1));
  return {
    board: text(doc.board),
    complete: doc.complete !== false,
    as_of_ms: number(doc.as_of_ms) ?? 0,
    total: number(doc.total) ?? rows.length,
    offset: 0,
    rows,
  };
}

export interface Known {
  /** In rising order of trust. */
  parts: BoardPart[];
  total: number;
  asOfMs: number;
  complete: boolean;
}

/**
 * What all that is known of a board makes together.
 *
 * @param pages as they were asked for.
 * @param top the channel's document: the newest there is, unless nobody writes it any more.
 * @param silent nobody writes the channel now: what its document says of itself was true until then.
 */
export function together(pages: readonly BoardPart[], top: BoardPart | null, silent: boolean): Known {
  const parts = [...pages].sort((a, b) => a.as_of_ms - b.as_of_ms);
  if (top !== null) parts.splice(silent ? 0 : parts.length, 0, top);
  return {
    parts,
    total: parts.at(-1)?.total ?? 0,
    asOfMs: Math.max(0, ...parts.map((part) => part.as_of_ms)),
    complete: !silent && parts.every((part) => part.complete),
  };
}

export const sameRow = (one: Row, other: Row): boolean =>
  one.rank === other.rank && one.member === other.member && one.points === other.points && one.name === other.name;

/** Rows by position, of parts given in rising order of trust; a member is shown once, where the most trusted part has it. */
export function placed(parts: readonly BoardPart[]): Map<number, Row> {
  const at = new Map<number, Row>();
  const of = new Map<string, number>();
  for (const part of parts)
    part.rows.forEach((row, i) => {
      const position = part.offset + i;
      const before = of.get(row.member);
      if (before !== undefined && before !== position && at.get(before)?.member === row.member) at.delete(before);
      const replaced = at.get(position);
      if (replaced !== undefined && of.get(replaced.member) === position) of.delete(replaced.member);
      at.set(position, row);
      of.set(row.member, position);
    });
  return at;
}

/**
 * What is shown while the reader's pointer or focus is on the rows: the places of before, with the points of now.
 *
 * @returns the rows, and how many of them would have moved.
 */
export function held(shown: ReadonlyMap<number, Row>, now: ReadonlyMap<number, Row>): { rows: Map<number, Row>; moved: number } {
  const newest = new Map<string, Row>();
  for (const row of now.values()) newest.set(row.member, row);
  const rows = new Map<number, Row>(now);
  const kept = new Set<string>();
  let moved = 0;
  for (const [position, row] of shown) {
    const current = newest.get(row.member);
    rows.set(position, current === undefined ? row : { ...current, rank: row.rank });
    kept.add(row.member);
    if (now.has(position) && now.get(position)?.member !== row.member) moved += 1;
  }
  // Whoever has come to a place that was not shown before, but is shown elsewhere, is not shown twice.
  for (const [position, row] of rows) if (!shown.has(position) && kept.has(row.member)) rows.delete(position);
  return { rows, moved };
}

/** Pages that hold the positions from `first` to `last`. */
export function pagesFor(first: number, last: number): number[] {
  const from = Math.floor(Math.max(0, first) / PAGE_ROWS);
  const to = Math.floor(Math.max(0, last) / PAGE_ROWS);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** As the gateway compares: without case and accents. */
const folded = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("ß", "ss");

/** Known rows whose name or id has the words in it, best first: those that begin with them, then by rank. */
export function found(rows: Iterable<Row>, words: string, most: number): Row[] {
  const wanted = folded(words.trim());
  if (wanted === "") return [];
  const hits = new Map<string, Row>();
  for (const row of rows)
    if (folded(row.member).includes(wanted) || folded(row.name ?? "").includes(wanted)) hits.set(row.member, row);
  const begins = (row: Row): number => (folded(row.name ?? row.member).startsWith(wanted) ? 0 : 1);
  return [...hits.values()].sort((a, b) => begins(a) - begins(b) || a.rank - b.rank).slice(0, most);
}

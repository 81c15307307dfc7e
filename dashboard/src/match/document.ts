/** A match's document as the page reads it: every part may be missing or of another type. Pure. */
import type { Json, JsonObject } from "../../client/src/index.js";

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const text = (value: Json | undefined, otherwise = ""): string =>
  typeof value === "string" ? value : otherwise;
export const number = (value: Json | undefined): number | null => (typeof value === "number" ? value : null);

/** What a table of ours has for a name of theirs, which may be one that every object has. */
export const entryOf = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

export interface Team {
  id: string;
  name: string;
  score: number;
  side: number;
  colour: string | null;
}

export function teamsOf(doc: JsonObject): Team[] {
  if (!isObject(doc.teams)) return [];
  return Object.entries(doc.teams)
    .filter((row): row is [string, JsonObject] => isObject(row[1]))
    .map(([id, fields]) => ({ id, name: text(fields.name, id), score: number(fields.score) ?? 0, order: number(fields.order) ?? 0, colour: colourOf(fields.color) }))
    .sort((a, b) => a.order - b.order)
    .map(({ id, name, score, colour }, side) => ({ id, name, score, side, colour }));
}

/** Ids of the players, those of the first team first. */
export function playerIds(doc: JsonObject): string[] {
  if (!isObject(doc.players)) return [];
  const sides = new Map(teamsOf(doc).map((team) => [team.id, team.side]));
  return Object.entries(doc.players)
    .filter((row): row is [string, JsonObject] => isObject(row[1]))
    .map(([id, fields]) => ({ id, side: sides.get(text(fields.team)) ?? 2 }))
    .sort((a, b) => a.side - b.side)
    .map(({ id }) => id);
}

export function placeOf(value: Json | undefined): [number, number] | null {
  if (!Array.isArray(value)) return null;
  const x = number(value[0]);
  const y = number(value[1]);
  return x === null || y === null ? null : [x, y];
}

export function clockText(doc: JsonObject): string {
  const clock = isObject(doc.clock) ? doc.clock : {};
  const ms = number(clock.t_ms);
  if (ms === null) return "–:––";
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const minutes = Math.floor(seconds / 60);
  return `${ms < 0 ? "−" : ""}${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A colour of a document, if it is one: documents come from others. */
export const colourOf = (value: Json | undefined): string | null => (typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value) ? value : null);

/** Names of players and teams by id. */
export function namesOf(players: Json | undefined, teams: Json | undefined): Map<string, string> {
  const names = new Map<string, string>();
  for (const table of [players, teams])
    if (isObject(table)) for (const [key, row] of Object.entries(table)) if (isObject(row)) names.set(key, text(row.name, key));
  return names;
}

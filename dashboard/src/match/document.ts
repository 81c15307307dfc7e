/** A match's document as the page reads it: every part may be missing or of another type. Pure. */
import type { Json, JsonObject } from "../../client/src/index.js";

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const text = (value: Json | undefined, otherwise = ""): string =>
  typeof value === "string" ? value : otherwise;
export const number = (value: Json | undefined): number | null => (typeof value === "number" ? value : null);

export interface Team {
  id: string;
  name: string;
  score: number;
  side: number;
}

export interface Player {
  id: string;
  name: string;
  team: string;
  side: number;
  fields: JsonObject;
  at: [number, number] | null;
}

export function teamsOf(doc: JsonObject): Team[] {
  if (!isObject(doc.teams)) return [];
  return Object.entries(doc.teams)
    .filter((row): row is [string, JsonObject] => isObject(row[1]))
    .map(([id, fields]) => ({ id, name: text(fields.name, id), score: number(fields.score) ?? 0, order: number(fields.order) ?? 0 }))
    .sort((a, b) => a.order - b.order)
    .map(({ id, name, score }, side) => ({ id, name, score, side }));
}

export function playersOf(doc: JsonObject, teams: Team[]): Player[] {
  if (!isObject(doc.players)) return [];
  const sides = new Map(teams.map((team) => [team.id, team.side]));
  return Object.entries(doc.players)
    .filter((row): row is [string, JsonObject] => isObject(row[1]))
    .map(([id, fields]) => {
      const team = text(fields.team);
      return { id, name: text(fields.name, id), team, side: sides.get(team) ?? 2, fields, at: placeOf(fields.pos) };
    })
    .sort((a, b) => a.side - b.side);
}

export function placeOf(value: Json | undefined): [number, number] | null {
  if (!Array.isArray(value)) return null;
  const x = number(value[0]);
  const y = number(value[1]);
  return x === null || y === null ? null : [x, y];
}

/** Figures that a table shows, the most telling first; those that no player has are left out. */
const FIGURES: [string, string][] = [
  ["score", "Pts"], ["goals", "G"], ["kills", "K"], ["deaths", "D"], ["assists", "A"], ["saves", "Sv"], ["shots", "Sh"],
  ["passes", "Pass"], ["tackles", "Tkl"], ["last_hits", "LH"], ["level", "Lvl"], ["net_worth", "Net"], ["gold", "Gold"], ["xp", "XP"], ["hp", "HP"], ["boost", "Boost"],
];

export function columnsOf(players: Player[]): [string, string][] {
  return FIGURES.filter(([key]) => players.some((player) => number(player.fields[key]) !== null)).slice(0, 8);
}

export function clockText(doc: JsonObject): string {
  const clock = isObject(doc.clock) ? doc.clock : {};
  const ms = number(clock.t_ms);
  if (ms === null) return "–:––";
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const minutes = Math.floor(seconds / 60);
  return `${ms < 0 ? "−" : ""}${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

const GAMES: Record<string, string> = { dota2: "Dota 2", "rocket-league": "Rocket League", football: "Football", arena: "Arena" };
export const gameName = (doc: JsonObject): string => GAMES[text(doc.game)] ?? text(doc.game, "Match");

/** One line of the feed, in words. */
export function eventText(event: JsonObject, names: Map<string, string>): string {
  const name = (value: Json | undefined): string => (typeof value === "string" || typeof value === "number" ? (names.get(String(value)) ?? String(value)) : "");
  const actor = name(event.actor ?? event.player);
  const target = name(event.target);
  const op = text(event.op, "event").replaceAll("_", " ");
  switch (event.op) {
    case "kill":
      return `${actor || "Someone"} killed ${target}`;
    case "score":
      return `${actor || name(event.team)} scored${text(event.kind) && event.kind !== "goal" ? ` (${text(event.kind)})` : ""}`;
    case "assist":
      return `Assist by ${actor}`;
    case "objective":
      return `${name(event.team) || actor} took ${text(event.name, "an objective")}`;
    case "status":
      return `The match is ${text(event.status)}`;
    case "end":
      return event.winner === undefined ? "The match has ended" : `${name(event.winner)} won`;
    default: {
      const detail = text(event.item) || text(event.kind) || text(event.sub) || text(event.hero);
      return [actor, op, target && `→ ${target}`, detail && `· ${detail.replaceAll("_", " ")}`].filter(Boolean).join(" ");
    }
  }
}

/** The games that are known; any other one is shown by what its document has. */
import type { JsonObject } from "../../../client/src/index.js";
import { clockText, entryOf, isObject, number, teamsOf, text } from "../document.js";
import { plain } from "../ground.js";
import { arena } from "./arena.js";
import { dota2 } from "./dota2.js";
import { football } from "./football.js";
import type { GameView } from "./game.js";
import { rocketLeague } from "./rocketLeague.js";

const GAMES: Record<string, GameView> = { dota2, football, "rocket-league": rocketLeague, arena };

const unknown: GameView = {
  name: "",
  columns: ["points", "score", "goals", "kills", "deaths", "assists", "saves", "shots", "gold", "xp", "level", "hp"],
  compared: ["shots", "kills", "saves", "fouls", "gold"],
  summed: ["kills"],
  important: new Set(["score", "goal", "kill", "objective", "end", "status"]),
  silent: new Set([]),
  ground: plain,
  lead: "score_lead",
  leadOf: (doc) => {
    const [home, away] = teamsOf(doc);
    return home && away ? home.score - away.score : null;
  },
  weight: () => 0,
  told: ["score"],
  when: (clock) => clockText({ clock }),
  note: () => "",
};

export const gameOf = (game: string): GameView => entryOf(GAMES, game) ?? { ...unknown, name: game };
export const gameOfDocument = (doc: JsonObject): GameView => gameOf(text(doc.game));

/** A team's figure, its own or the sum of its players'. */
export function teamFigure(doc: JsonObject, team: string, figure: string, summed: boolean): number | null {
  const own = isObject(doc.teams) && isObject(doc.teams[team]) ? number(doc.teams[team][figure]) : null;
  if (own !== null || !summed || !isObject(doc.players)) return own;
  let sum: number | null = null;
  for (const player of Object.values(doc.players))
    if (isObject(player) && player.team === team) sum = (sum ?? 0) + (number(player[figure]) ?? 0);
  return sum;
}
export type { GameView };

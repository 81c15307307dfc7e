import { entryOf, number, text } from "../document.js";
import { pitch } from "../ground.js";
import type { JsonObject } from "../../../client/src/index.js";
import type { GameView } from "./game.js";

const WEIGHTS: Record<string, number> = { score: 10, shot: 5, free_kick: 1.5, pass: 0.35, touch: 0.3, duel: 0.2 };

/** The last minute of each half; what comes after it is counted on top. */
const HALVES: Record<string, number> = { "1H": 45, "2H": 90 };

/** The minute that is running. */
function minuteOf({ t_ms, period }: JsonObject): string {
  const minute = Math.floor((number(t_ms) ?? 0) / 60_000) + 1;
  const last = entryOf(HALVES, text(period)) ?? minute;
  return minute > last ? `${last}+${minute - last}′` : `${minute}′`;
}

export const football: GameView = {
  name: "Football",
  columns: ["goals", "assists", "shots", "passes", "passes_accurate", "duels", "duels_won", "fouls", "saves"],
  compared: ["shots", "passes", "passes_accurate", "duels", "corners", "fouls", "offsides", "saves", "yellow_cards"],
  summed: [],
  important: new Set(["score", "card", "shot", "save", "offside", "end", "status", "assist"]),
  silent: new Set(["goalkeeper_leaving_line"]),
  ground: pitch,
  lead: "momentum",
  leadOf: null,
  weight: (event) => entryOf(WEIGHTS, text(event.op)) ?? 0,
  told: Object.keys(WEIGHTS),
  when: minuteOf,
  note: (player) => text(player.role),
};

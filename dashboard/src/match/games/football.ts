import { entryOf, text } from "../document.js";
import { pitch } from "../ground.js";
import type { GameView } from "./game.js";

const WEIGHTS: Record<string, number> = { score: 10, shot: 5, free_kick: 1.5, pass: 0.35, touch: 0.3, duel: 0.2 };

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
  note: (player) => text(player.role),
};

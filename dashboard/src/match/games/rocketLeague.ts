import { clockText, entryOf, text } from "../document.js";
import { stadium } from "../ground.js";
import type { GameView } from "./game.js";

const WEIGHTS: Record<string, number> = { score: 10, shot: 5, stat_shot: 5, save: 2, ball_touch: 1 };

export const rocketLeague: GameView = {
  name: "Rocket League",
  columns: ["goals", "assists", "saves", "shots", "boost", "boost_pickups", "points"],
  compared: ["shots", "saves", "touches", "boost_pickups"],
  summed: ["shots", "saves", "boost_pickups"],
  important: new Set(["score", "shot", "save", "assist", "end", "status"]),
  silent: new Set([]),
  ground: stadium,
  lead: "momentum",
  leadOf: null,
  weight: (event) => entryOf(WEIGHTS, text(event.op)) ?? 0,
  told: Object.keys(WEIGHTS),
  when: (clock) => clockText({ clock }),
  note: () => "",
};

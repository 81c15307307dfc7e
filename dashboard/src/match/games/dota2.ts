import { clockText, isObject, number, text } from "../document.js";
import { jungle } from "../ground.js";
import type { GameView } from "./game.js";

export const dota2: GameView = {
  name: "Dota 2",
  columns: ["kills", "deaths", "assists", "gold", "last_hits", "denies", "xp", "level"],
  compared: ["kills", "gold", "xp", "last_hits"],
  summed: ["kills", "gold", "xp", "last_hits"],
  important: new Set(["kill", "objective", "first_blood", "end", "status", "buyback"]),
  silent: new Set(["score", "economy", "chatwheel"]),
  ground: jungle,
  lead: "gold_lead",
  leadOf: (doc) => (isObject(doc.figures) && isObject(doc.figures.advantage) ? number(doc.figures.advantage.gold) : null),
  weight: () => 0,
  told: [],
  when: (clock) => clockText({ clock }),
  note: (player) => text(player.hero),
};

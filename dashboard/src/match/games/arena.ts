import { clockText, isObject, number, teamsOf } from "../document.js";
import { gates } from "../ground.js";
import type { GameView } from "./game.js";

export const arena: GameView = {
  name: "Arena",
  columns: ["kills", "deaths", "assists", "gold", "damage", "hp"],
  compared: ["kills", "damage", "gold"],
  summed: ["kills", "damage", "gold"],
  important: new Set(["kill", "objective", "end", "status"]),
  silent: new Set(["score"]),
  ground: gates,
  lead: "score_lead",
  leadOf: (doc) => {
    const [home, away] = teamsOf(doc);
    return home && away ? home.score - away.score : null;
  },
  weight: () => 0,
  told: [],
  when: (clock) => clockText({ clock }),
  note: (player) => (isObject(player) && number(player.hp) === 0 ? "†" : ""),
};

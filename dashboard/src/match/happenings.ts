/** Events in words. Pure. */
import type { Json, JsonObject } from "../../client/src/index.js";
import { entryOf, text } from "./document.js";
import { isolated } from "../shell/names.js";
import { useOpWords, type MatchWords } from "./words.js";

/** A sign for what happened, for the eye only. */
const SIGNS: Record<string, string> = {
  kill: "⚔", score: "●", goal: "●", objective: "⚑", assist: "↗", save: "✋", shot: "➚", card: "▮", foul: "!", end: "■", status: "◆",
  first_blood: "⚔", item_purchase: "◇", rune_pickup: "✦", boost_pickup: "▴", pass: "→", buyback: "↺", respawn: "↺", skill: "✧", pickup: "◇",
};
export const signOf = (event: JsonObject): string => entryOf(SIGNS, text(event.op)) ?? "·";

/**
 * What happened as a sentence; names in it are isolated.
 *
 * @param timed its minute stands beside it.
 */
export function eventText(event: JsonObject, names: ReadonlyMap<string, string>, words: MatchWords, timed = false): string {
  const name = (value: Json | undefined): string => (typeof value === "string" || typeof value === "number" ? isolated(names.get(String(value)) ?? String(value)) : "");
  const actor = name(event.actor ?? event.player);
  const target = name(event.target);
  const known = typeof event.minute === "number";
  const minute = known && !timed ? ` (${event.minute as number}′)` : "";
  switch (event.op) {
    case "kill":
      return words.kill(actor || words.someone, target);
    case "score": {
      const who = actor || name(event.team);
      const told = event.kind === "penalty" ? words.penalty(who) : event.kind === "own goal" ? words.ownGoal(who) : known || event.pos ? words.goal(who) : words.scored(who);
      return told + minute;
    }
    case "assist":
      return words.assistBy(actor);
    case "objective":
      return words.took(name(event.team) || actor, text(event.name));
    case "status": {
      const status = text(event.status);
      return words.is(status === "live" ? words.live : status === "scheduled" ? words.scheduled : status);
    }
    case "end":
      return event.winner === undefined ? words.over : words.won(name(event.winner));
    default: {
      const detail = text(event.item) || text(event.rune) || text(event.skill) || text(event.kind) || text(event.sub) || text(event.color) || text(event.hero);
      const op = text(event.op, "event").replaceAll("_", " ");
      const told = useOpWords.now();
      const say = Object.hasOwn(told, text(event.op)) ? told[event.op as keyof typeof told] : null;
      if (say) return (say as (a: string, b: string) => string)(actor || name(event.team), detail.replaceAll("_", " ")) + minute;
      return [actor || name(event.team), op, target && `→ ${target}`, detail && `· ${detail.replaceAll("_", " ")}`].filter(Boolean).join(" ") + minute;
    }
  }
}

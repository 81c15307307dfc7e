/** What somebody who only hears a match is told of it. */
import type { JsonObject } from "../../client/src/index.js";
import { isolated } from "../shell/names.js";
import { teamsOf, text } from "./document.js";
import type { GameView } from "./games/index.js";
import { eventText } from "./happenings.js";
import type { MatchWords } from "./words.js";

/** More than this at once is not a summary any more. */
const EVENTS = 3;

interface View {
  doc: JsonObject;
  status: string;
  feed: readonly { key: number; event: JsonObject }[];
  source: object;
}

/** Up to where it has been told. */
export interface Told {
  source: object;
  newest: number;
  score: string;
  status: string;
}

export const NEWS_NONE: Told = { source: {}, newest: -1, score: "", status: "" };

const scoreOf = (doc: JsonObject): string => teamsOf(doc).map(({ id, score }) => `${id} ${score}`).join();

export const standingOf = ({ doc, status, feed, source }: View): Told => ({ source, newest: feed.at(-1)?.key ?? -1, score: scoreOf(doc), status });

/** What has happened since as a sentence or two: happenings that count, the score where it is another, that the match has stopped. */
export function newsOf(told: Told, view: View, game: GameView, wanted: "important" | "all", names: ReadonlyMap<string, string>, words: MatchWords): string {
  const counts = ({ op }: JsonObject): boolean => (wanted === "all" ? !game.silent.has(text(op)) : game.important.has(text(op)));
  const parts = view.feed
    // The end and other states are told below, in words that say who won.
    .filter(({ key, event }) => key > told.newest && event.op !== "end" && event.op !== "status" && counts(event))
    .slice(-EVENTS)
    .map(({ event }) => eventText(event, names, words));
  const teams = teamsOf(view.doc).slice(0, 2);
  if (scoreOf(view.doc) !== told.score && teams.length > 0) parts.push(teams.map(({ name, score }) => `${isolated(name)} ${score}`).join(", "));
  if (view.status !== told.status) {
    const winner = teamsOf(view.doc).find(({ id }) => id === view.doc.winner)?.name;
    if (view.status === "ended") parts.push(words.over, ...(winner === undefined ? [] : [words.won(isolated(winner))]));
    else if (view.status === "paused") parts.push(words.stands);
    else if (view.status === "live" && told.status === "paused") parts.push(words.going);
  }
  return parts.join(". ");
}

/** Words of the leaderboards. */
import { figureName } from "../match/words.js";
import { defineWords } from "../shell/language.js";
import type { Titles } from "./titles.js";

export const useBoardWords = defineWords({
  en: {
    boards: "Leaderboards", board: "Leaderboard", all: "All boards", members: (count: string) => `${count} ${count === "1" ? "player" : "players"}`,
    metric: figureName,
    scopeAll: "all time", scopeSeason: (name: string) => `season ${name}`, scopeDay: (day: string) => dayText(day, "en"), scopeWeek: (week: string) => weekText(week, "week"), scopeMatch: (id: string) => `match ${id}`,
    rank: "Rank", player: "Player", points: "Points", none: "There are no leaderboards yet. One begins with the first points of a match.",
    missing: "There is no such leaderboard.", empty: "Nobody has points yet.", asOf: (time: string) => `as of ${time}`,
    incomplete: "Still being counted: figures may be too low.", stale: "Not connected: these are the last figures.", silent: "Not being counted now: these are the last figures.",
    search: "Find a player", searchHow: "Name or id", hits: (count: string) => `${count} found`, noHits: "Nobody by that name or id.", noSearch: "The whole board cannot be searched now.",
    me: "This is me", notMe: "Not me", you: "You", yourPlace: (rank: string, total: string) => `Place ${rank} of ${total}`, around: "Around you", chooseMe: "Find yourself above and choose “This is me”: your place stays in sight, with ten above and ten below.",
    meMissing: "You have no points on this board yet.", moved: (count: string) => `${count} position changes`, apply: "Show", toTop: "To the top", loading: "Loading",
    live: "Live", rows: "Ranking", focusHow: "Arrow keys, Page Up, Page Down, Home and End move; Enter opens the player.",
  },
  de: {
    boards: "Ranglisten", board: "Rangliste", all: "Alle Ranglisten", members: (count: string) => `${count} Spieler`,
    metric: figureName,
    scopeAll: "aller Zeiten", scopeSeason: (name: string) => `Saison ${name}`, scopeDay: (day: string) => dayText(day, "de"), scopeWeek: (week: string) => weekText(week, "Woche"), scopeMatch: (id: string) => `Spiel ${id}`,
    rank: "Platz", player: "Spieler", points: "Punkte", none: "Es gibt noch keine Ranglisten. Eine beginnt mit den ersten Punkten eines Spiels.",
    missing: "Diese Rangliste gibt es nicht.", empty: "Noch hat niemand Punkte.", asOf: (time: string) => `Stand ${time}`,
    incomplete: "Wird noch gezählt: Die Werte können zu niedrig sein.", stale: "Nicht verbunden: Dies sind die letzten Werte.", silent: "Wird gerade nicht gezählt: Dies sind die letzten Werte.",
    search: "Spieler suchen", searchHow: "Name oder Kennung", hits: (count: string) => `${count} gefunden`, noHits: "Niemand heißt so.", noSearch: "Die ganze Rangliste kann gerade nicht durchsucht werden.",
    me: "Das bin ich", notMe: "Nicht ich", you: "Du", yourPlace: (rank: string, total: string) => `Platz ${rank} von ${total}`, around: "Um dich herum", chooseMe: "Suche dich oben und wähle „Das bin ich“: Dein Platz bleibt im Blick, mit zehn darüber und zehn darunter.",
    meMissing: "Du hast auf dieser Rangliste noch keine Punkte.", moved: (count: string) => `${count} Platzwechsel`, apply: "Zeigen", toTop: "Nach oben", loading: "Lädt",
    live: "Live", rows: "Rangfolge", focusHow: "Pfeiltasten, Bild auf, Bild ab, Pos1 und Ende bewegen; Eingabe öffnet den Spieler.",
  },
});

type Words = ReturnType<typeof useBoardWords>;

/** `2026-11-25` as a date; days of boards are those of UTC. */
function dayText(day: string, language: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? day : date.toLocaleDateString(language, { dateStyle: "medium", timeZone: "UTC" });
}

/** `2026-W48` as the week's number and its year. */
function weekText(week: string, word: string): string {
  const parts = /^(\d{4})-W(\d{2})$/.exec(week);
  return parts === null ? week : `${word} ${Number(parts[2])}, ${parts[1]}`;
}

const SCOPES = ["all", "day", "week", "season", "match"];

/** Where a board stands among those of its metric: the widest first, then the newest time. */
export function boardOrder(a: string, b: string): number {
  const [, kindA = "all", ofA = ""] = a.split(".");
  const [, kindB = "all", ofB = ""] = b.split(".");
  if (kindA !== kindB) return SCOPES.indexOf(kindA) - SCOPES.indexOf(kindB);
  return kindA === "match" ? ofA.localeCompare(ofB) : ofB.localeCompare(ofA);
}

/** `kills.season.spring` as words: what is counted, and over which time or in which match. */
export function boardName(board: string, words: Words, titles?: Titles): { metric: string; scope: string } {
  const [metric = board, kind = "all", ...rest] = board.split(".");
  const of = rest.join(".");
  const scope = { all: words.scopeAll, season: words.scopeSeason(of), day: words.scopeDay(of), week: words.scopeWeek(of), match: titles?.get(of) ?? words.scopeMatch(of) }[kind];
  return { metric: words.metric(metric), scope: scope ?? [kind, of].filter(Boolean).join(" ") };
}

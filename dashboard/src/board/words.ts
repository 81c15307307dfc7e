/** Words of the leaderboards. */
import { defineWords } from "../shell/language.js";

export const useBoardWords = defineWords({
  en: {
    boards: "Leaderboards", board: "Leaderboard", all: "All boards", members: (count: string) => `${count} players`, open: "Open",
    metric: (metric: string) => metric.replaceAll("_", " "),
    scopeAll: "all time", scopeSeason: (name: string) => `season ${name}`, scopeDay: (day: string) => day, scopeWeek: (week: string) => week, scopeMatch: (id: string) => `match ${id}`,
    rank: "Rank", player: "Player", points: "Points", none: "There are no leaderboards yet. One begins with the first points of a match.",
    missing: "There is no such leaderboard.", empty: "Nobody has points yet.", asOf: (time: string) => `as of ${time}`,
    incomplete: "Still being counted: figures may be too low.", stale: "Not connected: these are the last figures.",
    search: "Find a player", searchHow: "Name or id", hits: (count: string) => `${count} found`, noHits: "Nobody by that name or id.",
    me: "This is me", notMe: "Not me", you: "You", yourPlace: (rank: string, total: string) => `Place ${rank} of ${total}`, around: "Around you", chooseMe: "Find yourself above and choose “This is me”: your place stays in sight, with ten above and ten below.",
    meMissing: "You have no points on this board yet.", moved: (count: string) => `${count} position changes`, apply: "Show", pause: "Pause", resume: "Go on", top: "Top 100", toTop: "To the top", loading: "Loading",
    live: "Live", rows: "Ranking", focusHow: "Arrow keys, Page Up, Page Down, Home and End move; Enter opens the player.",
  },
  de: {
    boards: "Ranglisten", board: "Rangliste", all: "Alle Ranglisten", members: (count: string) => `${count} Spieler`, open: "Öffnen",
    metric: (metric: string) => metric.replaceAll("_", " "),
    scopeAll: "aller Zeiten", scopeSeason: (name: string) => `Saison ${name}`, scopeDay: (day: string) => day, scopeWeek: (week: string) => week, scopeMatch: (id: string) => `Spiel ${id}`,
    rank: "Platz", player: "Spieler", points: "Punkte", none: "Es gibt noch keine Ranglisten. Eine beginnt mit den ersten Punkten eines Spiels.",
    missing: "Diese Rangliste gibt es nicht.", empty: "Noch hat niemand Punkte.", asOf: (time: string) => `Stand ${time}`,
    incomplete: "Wird noch gezählt: Die Werte können zu niedrig sein.", stale: "Nicht verbunden: Dies sind die letzten Werte.",
    search: "Spieler suchen", searchHow: "Name oder Kennung", hits: (count: string) => `${count} gefunden`, noHits: "Niemand heißt so.",
    me: "Das bin ich", notMe: "Nicht ich", you: "Du", yourPlace: (rank: string, total: string) => `Platz ${rank} von ${total}`, around: "Um dich herum", chooseMe: "Suche dich oben und wähle „Das bin ich“: Dein Platz bleibt im Blick, mit zehn darüber und zehn darunter.",
    meMissing: "Du hast auf dieser Rangliste noch keine Punkte.", moved: (count: string) => `${count} Platzwechsel`, apply: "Zeigen", pause: "Anhalten", resume: "Weiter", top: "Die ersten 100", toTop: "Nach oben", loading: "Lädt",
    live: "Live", rows: "Rangfolge", focusHow: "Pfeiltasten, Bild auf, Bild ab, Pos1 und Ende bewegen; Eingabe öffnet den Spieler.",
  },
});

type Words = ReturnType<typeof useBoardWords>;

/** `kills.season.spring` as words: what is counted, and over which time. */
export function boardName(board: string, words: Words): { metric: string; scope: string } {
  const [metric = board, kind = "all", ...rest] = board.split(".");
  const of = rest.join(".");
  const scope = { all: words.scopeAll, season: words.scopeSeason(of), day: words.scopeDay(of), week: words.scopeWeek(of), match: words.scopeMatch(of) }[kind];
  return { metric: words.metric(metric), scope: scope ?? [kind, of].filter(Boolean).join(" ") };
}

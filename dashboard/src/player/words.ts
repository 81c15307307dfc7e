/** Words of a player's page. */
import { figureName } from "../match/words.js";
import { defineWords } from "../shell/language.js";


export const usePlayerWords = defineWords({
  en: {
    missing: "Nobody by that id has played yet.", boards: "Leaderboards", matches: "Matches", metric: figureName, perMatch: (rate: string) => `${rate} a match`,
    recent: "Last matches", form: "Form, the newest first", match: "Match", result: "Result", when: "When", running: "now", noResult: "–",
    headToHead: "Head to head", opponent: "Opponent", kills: "Kills", deaths: "Deaths", balance: "Share of kills", noOpponents: "Nobody yet.", noMatches: "No match yet.",
    win: "won", loss: "lost", draw: "draw", winLetter: "W", lossLetter: "L", drawLetter: "D", fresh: "up to date", stale: "No newer figures can be had now: these are the last ones.", asOf: (age: string) => `as of ${age}`, me: "This is me", streak: (length: string, result: string) => `${length} × ${result} in a row`,
  },
  de: {
    missing: "Unter dieser Kennung hat noch niemand gespielt.", boards: "Ranglisten", matches: "Spiele", metric: figureName, perMatch: (rate: string) => `${rate} je Spiel`,
    recent: "Letzte Spiele", form: "Form, das neueste zuerst", match: "Spiel", result: "Ergebnis", when: "Wann", running: "jetzt", noResult: "–",
    headToHead: "Direkte Duelle", opponent: "Gegner", kills: "Siege", deaths: "Tode", balance: "Anteil der Siege", noOpponents: "Noch niemand.", noMatches: "Noch kein Spiel.",
    win: "gewonnen", loss: "verloren", draw: "unentschieden", winLetter: "S", lossLetter: "N", drawLetter: "U", fresh: "aktuell", stale: "Neuere Werte sind gerade nicht zu bekommen: Dies sind die letzten.", asOf: (age: string) => `Stand ${age}`, me: "Das bin ich", streak: (length: string, result: string) => `${length} × ${result} in Folge`,
  },
});

type Words = ReturnType<typeof usePlayerWords>;

/** A result as a word, and as one letter. */
export function resultOf(result: string | null, words: Words): { word: string; letter: string } {
  if (result === "win") return { word: words.win, letter: words.winLetter };
  if (result === "loss") return { word: words.loss, letter: words.lossLetter };
  if (result === "draw") return { word: words.draw, letter: words.drawLetter };
  return { word: words.noResult, letter: "–" };
}

/** Words of the match page. Figures and happenings of the games are in here too, by the name that the document gives them. */
import { defineWords } from "../shell/language.js";

export const useWords = defineWords({
  en: {
    missing: "There is no such match, or it has not begun.", all: "All matches", match: "match", score: "Score", players: "Players", player: "Player",
    events: "Events", map: "Map", wards: "Wards on the map", wardKinds: "● observer  ■ sentry", version: "Version", mapOf: "Positions on the map", timeline: "Timeline", teams: "Teams", boards: "Leaderboards", draft: "Draft", picks: "Picks", bans: "Bans",
    quiet: "Nothing has happened yet.", morePlayers: (count: string) => `and ${count} more`, noMark: "Nothing has been decided yet.",
    fresh: (count: string) => `${count} new`, important: "Important only", everything: "Everything",
    announce: "Read aloud", off: "Nothing",
    paused: "Paused: nothing has come from the match for a while. This is the last known state.",
    offline: "You are offline. This is the last known state.", ended: "The match has ended.", won: (team: string) => `${team} won`,
    seen: (viewers: string) => `${viewers} watching`,
    share: "Share this moment", copied: "Link copied", copyYourself: "Link to this moment, to be copied:", close: "Close", rewinding: "You are watching the past.", back: "Back to live", speed: "Speed", noRewind: "Going back is not possible now.",
    timeTravel: "Going back in time", moment: "Moment of the match", liveNow: "Live", atEnd: "The end", toEnd: "To the end",
    early: (time: string) => `Back by ${time}`, chartOf: (what: string, from: string, to: string) => `${what}, from ${from} to ${to}`, asTable: "As a table", time: "Time", even: "Even", ahead: (team: string, by: string) => `${team} by ${by}`, more: "Earlier events", again: "Ask again for earlier events", farEnough: "The slider leads further back.",
    kill: (a: string, b: string) => `${a} killed ${b}`, someone: "Someone", scored: (a: string) => `${a} scored`, goal: (a: string) => `Goal by ${a}`,
    penalty: (a: string) => `Penalty scored by ${a}`, ownGoal: (a: string) => `Own goal by ${a}`, assistBy: (a: string) => `Assist by ${a}`,
    took: (a: string, b: string) => `${a} took ${b}`, is: (status: string) => `The match is ${status}`, over: "The match has ended",
    live: "live", scheduled: "scheduled", stands: "The match is paused", going: "The match goes on",
  },
  de: {
    missing: "Dieses Spiel gibt es nicht, oder es hat noch nicht begonnen.", all: "Alle Spiele", match: "Spiel", score: "Spielstand", players: "Spieler", player: "Spieler",
    events: "Ereignisse", map: "Karte", wards: "Wards auf der Karte", wardKinds: "● Observer  ■ Sentry", version: "Version", mapOf: "Positionen auf der Karte", timeline: "Verlauf", teams: "Mannschaften", boards: "Ranglisten", draft: "Auswahl", picks: "Gewählt", bans: "Gesperrt",
    quiet: "Noch ist nichts geschehen.", morePlayers: (count: string) => `und ${count} weitere`, noMark: "Noch ist nichts entschieden.",
    fresh: (count: string) => `${count} neu`, important: "Nur Wichtiges", everything: "Alles",
    announce: "Vorlesen", off: "Nichts",
    paused: "Pausiert: Seit einer Weile kommt nichts vom Spiel. Dies ist der letzte bekannte Stand.",
    offline: "Keine Verbindung zum Netz. Dies ist der letzte bekannte Stand.", ended: "Das Spiel ist beendet.", won: (team: string) => `${team} hat gewonnen`,
    seen: (viewers: string) => `${viewers} sehen zu`,
    share: "Diesen Moment teilen", copied: "Link kopiert", copyYourself: "Link zu diesem Moment, zum Kopieren:", close: "Schließen", rewinding: "Du siehst Vergangenes.", back: "Zurück zu live", speed: "Tempo", noRewind: "Zurückspulen geht gerade nicht.",
    timeTravel: "Zurückspulen", moment: "Zeitpunkt im Spiel", liveNow: "Live", atEnd: "Das Ende", toEnd: "Zum Ende",
    early: (time: string) => `Zurück um ${time}`, chartOf: (what: string, from: string, to: string) => `${what}, von ${from} bis ${to}`, asTable: "Als Tabelle", time: "Zeit", even: "Gleichstand", ahead: (team: string, by: string) => `${team} um ${by}`, more: "Frühere Ereignisse", again: "Noch einmal nach früheren Ereignissen fragen", farEnough: "Weiter zurück führt der Regler.",
    kill: (a: string, b: string) => `${a} besiegt ${b}`, someone: "Jemand", scored: (a: string) => `${a} punktet`, goal: (a: string) => `Tor durch ${a}`,
    penalty: (a: string) => `Elfmeter verwandelt von ${a}`, ownGoal: (a: string) => `Eigentor von ${a}`, assistBy: (a: string) => `Vorlage von ${a}`,
    took: (a: string, b: string) => `${a} nimmt ${b}`, is: (status: string) => `Status: ${status}`, over: "Das Spiel ist beendet",
    live: "live", scheduled: "angesetzt", stands: "Das Spiel ist pausiert", going: "Das Spiel geht weiter",
  },
});
export type MatchWords = ReturnType<typeof useWords>;

/** What happens in the games; a second name is the thing or the place that goes with it. */
export const useOpWords = defineWords({
  en: {
    item_purchase: (a: string, b: string) => `${a} buys ${b}`, rune_pickup: (a: string, b: string) => `${a} takes a ${b} rune`, buyback: (a: string) => `${a} buys back`,
    ward_observer_placed: (a: string) => `${a} places an observer ward`, ward_observer_gone: (a: string) => `Observer ward of ${a} is gone`,
    ward_sentry_placed: (a: string) => `${a} places a sentry ward`, ward_sentry_gone: (a: string) => `Sentry ward of ${a} is gone`,
    teamfight_start: () => "A team fight begins", teamfight_end: () => "The team fight is over", first_blood: (a: string) => `First blood for ${a}`,
    pick: (a: string, b: string) => `${a} picks ${b}`, ban: (a: string, b: string) => `${a} bans ${b}`,
    boost_pickup: (a: string) => `${a} picks up boost`, ball_touch: (a: string) => `${a} on the ball`, shot: (a: string) => `${a} shoots`, save: (a: string) => `${a} saves`, save_missed: (a: string) => `${a} is beaten`,
    pass: (a: string, b: string) => `${a}: ${b || "pass"}`, duel: (a: string, b: string) => `${a}: ${b || "duel"}`, touch: (a: string, b: string) => `${a}: ${b || "on the ball"}`, foul: (a: string, b: string) => `Foul by ${a}${b && ` (${b})`}`,
    free_kick: (a: string, b: string) => `${a}: ${b || "free kick"}`, offside: (a: string) => `${a} is offside`, card: (a: string, b: string) => `${b} card for ${a}`,
    goal: (a: string) => `Goal by ${a}`, respawn: (a: string) => `${a} is back`, skill: (a: string, b: string) => `${a} uses ${b}`, pickup: (a: string) => `${a} picks up gold`,
  },
  de: {
    item_purchase: (a: string, b: string) => `${a} kauft ${b}`, rune_pickup: (a: string, b: string) => `${a} nimmt eine ${b}-Rune`, buyback: (a: string) => `${a} kauft sich zurück`,
    ward_observer_placed: (a: string) => `${a} stellt einen Observer Ward`, ward_observer_gone: (a: string) => `Observer Ward von ${a} ist weg`,
    ward_sentry_placed: (a: string) => `${a} stellt einen Sentry Ward`, ward_sentry_gone: (a: string) => `Sentry Ward von ${a} ist weg`,
    teamfight_start: () => "Ein Teamkampf beginnt", teamfight_end: () => "Der Teamkampf ist vorbei", first_blood: (a: string) => `Erster Kill für ${a}`,
    pick: (a: string, b: string) => `${a} wählt ${b}`, ban: (a: string, b: string) => `${a} sperrt ${b}`,
    boost_pickup: (a: string) => `${a} sammelt Boost`, ball_touch: (a: string) => `${a} am Ball`, shot: (a: string) => `${a} schießt`, save: (a: string) => `${a} hält`, save_missed: (a: string) => `${a} ist geschlagen`,
    pass: (a: string, b: string) => `${a}: ${b || "Pass"}`, duel: (a: string, b: string) => `${a}: ${b || "Zweikampf"}`, touch: (a: string, b: string) => `${a}: ${b || "am Ball"}`, foul: (a: string, b: string) => `Foul von ${a}${b && ` (${b})`}`,
    free_kick: (a: string, b: string) => `${a}: ${b || "Freistoß"}`, offside: (a: string) => `${a} im Abseits`, card: (a: string, b: string) => `Karte für ${a} (${b})`,
    goal: (a: string) => `Tor durch ${a}`, respawn: (a: string) => `${a} ist zurück`, skill: (a: string, b: string) => `${a} setzt ${b} ein`, pickup: (a: string) => `${a} sammelt Gold`,
  },
});

/** Parts of a match, as clocks name them. */
export const usePeriodWords = defineWords({
  en: { "1H": "1st half", "2H": "2nd half", HT: "half-time", FT: "full time", regulation: "regulation", overtime: "overtime", "pre-game": "pre-game", draft: "draft", game: "", match: "", ended: "final" },
  de: { "1H": "1. Halbzeit", "2H": "2. Halbzeit", HT: "Pause", FT: "Abpfiff", regulation: "reguläre Spielzeit", overtime: "Verlängerung", "pre-game": "vor Beginn", draft: "Auswahl", game: "", match: "", ended: "Endstand" },
});

/** [short, long] of the figures that documents hold. */
export const useFigureWords = defineWords({
  en: {
    kills: "K|Kills", deaths: "D|Deaths", assists: "A|Assists", gold: "Gold|Gold", xp: "XP|Experience", last_hits: "LH|Last hits", denies: "DN|Denies", level: "Lvl|Level",
    damage: "Dmg|Damage", hp: "HP|Health", goals: "G|Goals", saves: "Sv|Saves", shots: "Sh|Shots", boost: "Boost|Boost", points: "Pts|Points", boost_pickups: "Pads|Boost pickups",
    passes: "Pass|Passes", passes_accurate: "Acc|Accurate passes", duels: "Duel|Duels", duels_won: "Won|Duels won", fouls: "F|Fouls", corners: "C|Corners", offsides: "O|Offsides",
    yellow_cards: "Yel|Yellow cards", red_cards: "Red|Red cards", touches: "T|Touches", gold_lead: "Gold|Gold lead", momentum: "Mom|Momentum", score_lead: "Lead|Lead", score: "Pts|Score", objectives: "Obj|Objectives",
  },
  de: {
    kills: "K|Kills", deaths: "D|Tode", assists: "V|Vorlagen", gold: "Gold|Gold", xp: "EP|Erfahrung", last_hits: "LH|Last Hits", denies: "DN|Denies", level: "St|Stufe",
    damage: "Schd|Schaden", hp: "LP|Leben", goals: "T|Tore", saves: "Par|Paraden", shots: "Sch|Schüsse", boost: "Boost|Boost", points: "Pkt|Punkte", boost_pickups: "Pads|Boost gesammelt",
    passes: "Pass|Pässe", passes_accurate: "Gen|Genaue Pässe", duels: "Zwk|Zweikämpfe", duels_won: "Gew|Gewonnene Zweikämpfe", fouls: "F|Fouls", corners: "E|Ecken", offsides: "Ab|Abseits",
    yellow_cards: "Gelb|Gelbe Karten", red_cards: "Rot|Rote Karten", touches: "B|Ballkontakte", gold_lead: "Gold|Goldvorsprung", momentum: "Drang|Druck", score_lead: "Vorspr|Vorsprung", score: "Pkt|Punkte", objectives: "Ziele|Ziele",
  },
});
export type Figure = keyof ReturnType<typeof useFigureWords>;
export const short = (label: string): string => label.split("|")[0]!;
export const long = (label: string): string => label.split("|")[1] ?? label;

/** What is counted, in words; a metric of which no game here knows is said as it is called. */
export function figureName(metric: string): string {
  const known = useFigureWords.now();
  return Object.hasOwn(known, metric) ? long(known[metric as Figure]) : metric.replaceAll("_", " ");
}

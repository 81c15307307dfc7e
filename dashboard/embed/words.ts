/** The element's words; the language is that of the place where it stands. */
import type { Status } from "../client/src/index.js";

export interface Words {
  lang: string;
  status: Record<Status | "refused", string>;
  missing: string;
  refused: string;
  score: (home: string, away: string) => string;
  watch: string;
}

const WORDS: Record<"en" | "de", Words> = {
  en: {
    lang: "en",
    status: { connecting: "Connecting", live: "Live", behind: "Behind", paused: "Paused", reconnecting: "Reconnecting", offline: "Offline", ended: "Ended", rewind: "Rewind", refused: "No access" },
    missing: "This match has not begun.",
    refused: "This match cannot be shown.",
    score: (home, away) => `${home} to ${away}`,
    watch: "Watch",
  },
  de: {
    lang: "de",
    status: { connecting: "Verbindet", live: "Live", behind: "Im Rückstand", paused: "Pausiert", reconnecting: "Verbindet neu", offline: "Offline", ended: "Beendet", rewind: "Rückblick", refused: "Kein Zugang" },
    missing: "Dieses Spiel hat noch nicht begonnen.",
    refused: "Dieses Spiel kann nicht gezeigt werden.",
    score: (home, away) => `${home} zu ${away}`,
    watch: "Ansehen",
  },
};

/** The words for a language tag such as `de-AT`; English for languages that there are none of. */
export function wordsFor(tag: string): Words {
  return tag.toLowerCase().startsWith("de") ? WORDS.de : WORDS.en;
}

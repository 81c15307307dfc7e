/** What the gateway did not do, in the viewer's words: its own are for who builds on it. */
import { Problem } from "./api.js";
import { defineWords } from "./language.js";

const words = defineWords({
  en: {
    unreachable: "The gateway was not reached.", unavailable: "This is not available now.", rate_limited: "That was too much at once; try again in a moment.",
    unauthorized: "This needs a token.", token_expired: "The token has ended.", forbidden: "This token does not allow it.", bad_request: "This address cannot be right.",
    other: (code: string) => `The gateway could not answer (${code}).`,
  },
  de: {
    unreachable: "Das Gateway wurde nicht erreicht.", unavailable: "Das ist gerade nicht verfügbar.", rate_limited: "Das war zu viel auf einmal; versuche es gleich noch einmal.",
    unauthorized: "Dafür ist ein Token nötig.", token_expired: "Das Token ist abgelaufen.", forbidden: "Dieses Token erlaubt das nicht.", bad_request: "Diese Adresse kann nicht stimmen.",
    other: (code: string) => `Das Gateway konnte nicht antworten (${code}).`,
  },
});

/** A sentence for what went wrong; to be called while rendering. */
export function useProblemText(): (error: Error | { code: string }) => string {
  const known = words();
  return (error) => {
    const code = error instanceof Problem || !(error instanceof Error) ? error.code : "internal";
    return code !== "other" && Object.hasOwn(known, code) ? (known[code as "unreachable"]) : known.other(code);
  };
}

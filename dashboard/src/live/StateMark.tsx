/** How the connection and the channel are doing: a dot, a word and nothing that gets in the way. */
import { statusOf } from "../../client/src/index.js";
import { clockText } from "../match/document.js";
import { defineWords, useFormat } from "../shell/language.js";
import styles from "./live.module.css";
import { useConnection } from "./store.js";

export const useStateWords = defineWords({
  en: {
    connecting: "Connecting", live: "Live", behind: "Behind", paused: "Paused", reconnecting: "Reconnecting",
    offline: "Offline", ended: "Ended", rewind: "Rewind", refused: "No access",
    by: (seconds: string) => `by ${seconds} s`, byTime: (time: string) => `by ${time}`, lag: (ms: string) => `${ms} ms behind`,
  },
  de: {
    connecting: "Verbindet", live: "Live", behind: "Im Rückstand", paused: "Pausiert", reconnecting: "Verbindet neu",
    offline: "Offline", ended: "Beendet", rewind: "Rückblick", refused: "Kein Zugang",
    by: (seconds: string) => `um ${seconds} s`, byTime: (time: string) => `um ${time}`, lag: (ms: string) => `${ms} ms zurück`,
  },
});

/**
 * @param refused the viewer is not let in, or no longer.
 * @param begun something is known of the channel: what is not there yet is not live, however well the connection is.
 */
export function StateMark({ status, behindMs, refused = false, begun = true }: { status: string; behindMs: number; refused?: boolean; begun?: boolean }) {
  const words = useStateWords();
  const format = useFormat();
  const known = statusOf(useConnection().word, status);
  const word = refused && known !== "offline" ? "refused" : !begun && known === "live" ? "connecting" : known;
  const late = word === "behind" || word === "rewind";
  return (
    <span className={styles.mark} data-testid="state" data-state={word}>
      {words[word]}
      {late && behindMs >= 1000 ? <small>{behindMs < 60_000 ? words.by(format.decimal(behindMs / 1000, 1)) : words.byTime(clockText({ clock: { t_ms: behindMs } }))}</small> : null}
    </span>
  );
}

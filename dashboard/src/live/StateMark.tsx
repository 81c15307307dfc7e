/** How the connection and the channel are doing: a dot, a word and nothing that gets in the way. */
import { defineWords, useFormat } from "../shell/language.js";
import styles from "./live.module.css";
import { useConnection } from "./store.js";

export type Word = "connecting" | "live" | "behind" | "paused" | "reconnecting" | "offline" | "ended" | "rewind";

/** What is said of a channel: trouble with the connection goes before what the channel says of itself. */
export function wordOf(connection: string, status: string): Word {
  if (connection === "offline") return "offline";
  if (connection === "reconnecting") return "reconnecting";
  if (connection !== "live") return "connecting";
  if (status === "lagging") return "behind";
  return status === "paused" || status === "ended" || status === "rewind" ? status : "live";
}

export const useStateWords = defineWords({
  en: {
    connecting: "Connecting", live: "Live", behind: "Behind", paused: "Paused", reconnecting: "Reconnecting",
    offline: "Offline", ended: "Ended", rewind: "Rewind",
    by: (seconds: string) => `by ${seconds} s`, lag: (ms: string) => `${ms} ms behind`,
  },
  de: {
    connecting: "Verbindet", live: "Live", behind: "Im Rückstand", paused: "Pausiert", reconnecting: "Verbindet neu",
    offline: "Offline", ended: "Beendet", rewind: "Rückblick",
    by: (seconds: string) => `um ${seconds} s`, lag: (ms: string) => `${ms} ms zurück`,
  },
});

export function StateMark({ status, behindMs }: { status: string; behindMs: number }) {
  const words = useStateWords();
  const format = useFormat();
  const word = wordOf(useConnection(), status);
  const late = word === "behind" || word === "rewind";
  return (
    <span className={styles.mark} data-testid="state" data-state={word}>
      {words[word]}
      {late && behindMs >= 1000 ? <small>{words.by(format.decimal(behindMs / 1000, 1))}</small> : null}
    </span>
  );
}

/** How the connection and the channel are doing: a dot, a word and nothing that gets in the way. */
import { stateOf } from "./match.js";
import styles from "./page.module.css";
import { useStore } from "./store.js";

export function StateMark({ status, behindMs }: { status: string; behindMs: number }) {
  const connection = useStore((state) => state.connection);
  const { word, line } = stateOf(connection, status, behindMs);
  return (
    <span className={styles.mark} data-testid="state" data-state={word} role="status" title={line}>
      {word}
      {word === "live" && behindMs > 0 ? <small data-testid="lag"> {behindMs} ms behind</small> : null}
    </span>
  );
}

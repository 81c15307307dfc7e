/** Stops what updates by itself (WCAG 2.2, 2.2.2), says how much waits, and lets it go on. */
import { defineWords, useFormat } from "./language.js";
import styles from "./shell.module.css";

const useWords = defineWords({
  en: {
    pause: "Pause", resume: "Resume",
    waiting: (count: string) => (count === "1" ? "1 update waits" : `${count} updates wait`), stopped: "Paused by you",
  },
  de: {
    pause: "Anhalten", resume: "Weiter",
    waiting: (count: string) => (count === "1" ? "1 Aktualisierung wartet" : `${count} Aktualisierungen warten`), stopped: "Von dir angehalten",
  },
});

interface Props {
  /** What is stopped, for those who do not see what the button belongs to. */
  of: string;
  paused: boolean;
  /** How many updates wait; without it they are not even asked for. */
  waiting?: number | null;
  onChange: (paused: boolean) => void;
}

export function PauseButton({ of, paused, waiting, onChange }: Props) {
  const words = useWords();
  const format = useFormat();
  const word = paused ? words.resume : words.pause;
  return (
    <span className={styles.pause}>
      {paused ? (
        <span className={styles.waiting} data-testid="waiting">
          {waiting ? words.waiting(format.number(waiting)) : words.stopped}
        </span>
      ) : null}
      <button type="button" className={styles.button} data-paused={paused} aria-label={`${word}: ${of}`} onClick={() => onChange(!paused)}>
        {word}
      </button>
    </span>
  );
}

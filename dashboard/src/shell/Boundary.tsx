/** A part that fails says so, leaves the others alone, and is tried again: by its button, or when there is something new to show. */
import { Component, createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { countFailure } from "./failures.js";
import { defineWords } from "./language.js";
import { loadAgain } from "./loaded.js";
import styles from "./shell.module.css";

const useWords = defineWords({
  en: { failed: "This part could not be shown.", failedOf: (part: string) => `${part}: this part could not be shown.`, again: "Try again" },
  de: { failed: "Dieser Teil konnte nicht angezeigt werden.", failedOf: (part: string) => `${part}: Dieser Teil konnte nicht angezeigt werden.`, again: "Erneut versuchen" },
});

/** Of the parts below: calls back whenever what they show has changed, until the result is called. */
export const Renewal = createContext<((renewed: () => void) => () => void) | null>(null);

/** Makes a part fail for what went wrong outside of its rendering: in a frame or a timer of its own. */
export function useFail(): (error: unknown) => void {
  const [, fail] = useState();
  return (error) =>
    fail(() => {
      throw error;
    });
}

/** A part that failed is tried again this soon after something new has come, and each time it fails twice as late. */
const AGAIN_MS = 250;
const AGAIN_MAX_MS = 4_000;

interface Props {
  children: ReactNode;
  /** What the part is called, where no heading of its own says so. */
  of?: string;
  /** The heading of what could not be shown, where it would have had one of its own: a page. */
  title?: string;
}

export function Boundary({ children, of, title }: Props) {
  const renewal = useContext(Renewal);
  const words = useWords();
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const tryAgain = (): void => setAttempt((before) => before + 1);
  useEffect(() => {
    if (!failed) return;
    countFailure();
    let timer: ReturnType<typeof setTimeout> | null = null;
    let pauseMs = AGAIN_MS;
    const stop = renewal?.(() => {
      timer ??= setTimeout(() => {
        timer = null;
        pauseMs = Math.min(AGAIN_MAX_MS, pauseMs * 2);
        tryAgain();
      }, pauseMs);
    });
    return () => {
      stop?.();
      if (timer !== null) clearTimeout(timer);
    };
  }, [failed, renewal]);
  return (
    <>
      {failed ? (
        <>
          {title === undefined ? null : <h1 className="visually-hidden">{title}</h1>}
          <Failed
            text={of === undefined ? words.failed : words.failedOf(of)}
            again={() => {
              loadAgain();
              tryAgain();
            }}
          />
        </>
      ) : null}
      <Catch attempt={attempt} failed={() => setFailed(true)} shown={() => setFailed(false)}>
        {children}
      </Catch>
    </>
  );
}

interface CatchProps {
  children: ReactNode;
  /** Another number is another attempt. */
  attempt: number;
  failed: () => void;
  shown: () => void;
}

/** Shows its children, or nothing. That they failed is said beside it: what says so stays through attempts that fail, and keeps the focus. */
class Catch extends Component<CatchProps, { failed: boolean; attempt: number }> {
  override state = { failed: false, attempt: this.props.attempt };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  static getDerivedStateFromProps({ attempt }: CatchProps, state: { attempt: number }) {
    return attempt === state.attempt ? null : { failed: false, attempt };
  }

  override componentDidCatch(): void {
    this.props.failed();
  }

  override componentDidUpdate(_: CatchProps, before: { failed: boolean }): void {
    if (before.failed && !this.state.failed) this.props.shown();
  }

  override render(): ReactNode {
    return this.state.failed ? null : this.props.children;
  }
}

/** A line that says what is wrong, with a button that tries again. */
export function Failed({ again, text }: { again: () => void; text: string }) {
  const words = useWords();
  return (
    <p className={styles.notice} role="alert">
      {text}{" "}
      <button
        type="button"
        className={styles.button}
        onClick={({ currentTarget }) => {
          // The button goes when it has helped: the focus stays at what it belongs to.
          currentTarget.closest<HTMLElement>("section, main")?.focus({ preventScroll: true });
          again();
        }}
      >
        {words.again}
      </button>
    </p>
  );
}

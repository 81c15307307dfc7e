/** A part that fails says so and leaves the others alone. */
import { Component, type ReactNode } from "react";
import { defineWords } from "./language.js";
import styles from "./shell.module.css";

const useWords = defineWords({
  en: { failed: "This part could not be shown.", again: "Try again" },
  de: { failed: "Dieser Teil konnte nicht angezeigt werden.", again: "Erneut versuchen" },
});

interface Props {
  children: ReactNode;
  /** When it changes, the part is tried again: a new address, a new match. */
  resetKey?: string;
  /** The heading of what could not be shown, where it would have had one of its own: a page. */
  title?: string;
  /** What is to be done before it is tried again. */
  again?: () => void;
}

export class Boundary extends Component<Props, { failed: boolean; key: string | undefined }> {
  override state = { failed: false, key: this.props.resetKey };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  static getDerivedStateFromProps(props: Props, state: { failed: boolean; key: string | undefined }) {
    return props.resetKey === state.key ? null : { failed: false, key: props.resetKey };
  }

  private readonly again = (): void => {
    this.props.again?.();
    this.setState({ failed: false });
  };

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <>
        {this.props.title === undefined ? null : <h1 className="visually-hidden">{this.props.title}</h1>}
        <Failed again={this.again} />
      </>
    );
  }
}

/** A line that says what is wrong, with a button that tries again. */
export function Failed({ again, text }: { again: () => void; text?: string }) {
  const words = useWords();
  return (
    <p className={styles.notice} role="alert">
      {text ?? words.failed}{" "}
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

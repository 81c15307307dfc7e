/** The page: which view an address means, and links that do not reload. */
import { Component, useEffect, useState, type ReactNode } from "react";
import { MatchPage } from "./MatchPage.js";
import { MatchesPage } from "./MatchesPage.js";
import styles from "./page.module.css";

export function navigate(path: string): void {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}

export function Link({ to, children, className }: { to: string; children: ReactNode; className?: string | undefined }) {
  return (
    <a
      href={to}
      className={className}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </a>
  );
}

export function App() {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const follow = () => setPath(location.pathname);
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);
  const match = /^\/matches\/([A-Za-z0-9._~-]{1,128})$/.exec(path);
  return (
    <div className={styles.page}>
      <header className={styles.top}>
        <Link to="/" className={styles.brand}>
          Grandstand
        </Link>
      </header>
      <main className={styles.main}>
        <Boundary key={path}>{match?.[1] ? <MatchPage id={match[1]} /> : <MatchesPage />}</Boundary>
      </main>
    </div>
  );
}

/** A part that fails says so and leaves the others alone. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <p className={styles.notice} role="alert">
        This part could not be shown.{" "}
        <button type="button" onClick={() => this.setState({ failed: false })}>
          Try again
        </button>
      </p>
    );
  }
}

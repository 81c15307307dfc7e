/** The frame of every page: where one is, where one can go, colours and language. */
import { QueryClientProvider } from "@tanstack/react-query";
import { Suspense, useEffect, useRef, type ComponentType } from "react";
import { begin as beginChannel, LOBBY } from "../live/store.js";
import { MatchesPage } from "../matches/MatchesPage.js";
import { Perf } from "../perf/Perf.js";
import { Access } from "./Access.js";
import { queries } from "./api.js";
import { Boundary } from "./Boundary.js";
import { defineWords } from "./language.js";
import { loaded, type Loaded } from "./loaded.js";
import { Skeleton } from "./Panel.js";
import { prefer, usePreference, type Theme } from "./preferences.js";
import { Link, matchPath, usePath, useSearch, type Params } from "./router.js";
import styles from "./shell.module.css";
import { useTitle, useToldTitle } from "./title.js";

const useWords = defineWords({
  en: {
    skip: "Skip to the content", main: "Main", matches: "Matches", boards: "Leaderboards",
    theme: "Colours", system: "System", light: "Light", dark: "Dark", language: "Language",
    nothing: "There is nothing at this address.", all: "All matches", loading: "Loading", failed: "This page could not be loaded",
  },
  de: {
    skip: "Zum Inhalt springen", main: "Hauptmenü", matches: "Spiele", boards: "Ranglisten",
    theme: "Farben", system: "System", light: "Hell", dark: "Dunkel", language: "Sprache",
    nothing: "Unter dieser Adresse gibt es nichts.", all: "Alle Spiele", loading: "Lädt", failed: "Diese Seite konnte nicht geladen werden",
  },
});

const OPERATOR = "/operator";

type Page = ComponentType<{ params: Params }>;
/** Every page but the first one is a file of its own, loaded when it is gone to; and the channel that an address is about, if one. */
const PAGES: [string, Page | Loaded<{ params: Params }>, ((params: Params) => string)?][] = [
  ["/", MatchesPage, () => LOBBY],
  ["/match/:id", loaded(async () => (await import("../match/MatchPage.js")).MatchPage), ({ id }) => `match:${id}`],
  ["/boards", loaded(async () => (await import("../board/BoardsPage.js")).BoardsPage)],
  ["/board/:id", loaded(async () => (await import("../board/BoardPage.js")).BoardPage), ({ id }) => `board:${id}`],
  ["/player/:id", loaded(async () => (await import("../player/PlayerPage.js")).PlayerPage)],
  [OPERATOR, loaded(async () => (await import("../operator/OperatorPage.js")).OperatorPage)],
];

/** Asks at once for what an address is about, which its page does when it is there; loads the page's file, if it is one of its own. */
export async function begin(path: string): Promise<void> {
  for (const [pattern, Page, channelOf] of PAGES) {
    const params = matchPath(pattern, path);
    if (params === null) continue;
    if (channelOf) beginChannel(channelOf(params));
    if ("begin" in Page) return Page.begin();
  }
}

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Frame />
    </QueryClientProvider>
  );
}

function Frame() {
  const words = useWords();
  const path = usePath();
  // It is served where nothing is that viewers see, too: at the admin port.
  const operating = matchPath(OPERATOR, path) !== null;
  const search = useSearch();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const seen = useRef(search);
  useEffect(() => {
    // Whoever goes on by keyboard or ear begins at the new page, not behind the link that led there.
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [path]);
  useEffect(() => {
    // Another part of the same page: what had the focus may be gone.
    if (document.activeElement === document.body && seen.current !== search) main.current?.focus({ preventScroll: true });
    seen.current = search;
  }, [search]);
  return (
    <div className={styles.page}>
      <a href="#main" className={styles.skip} onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
        {words.skip}
      </a>
      <header className={styles.top}>
        <Link to={operating ? OPERATOR : "/"} className={styles.brand}>
          <Mark />
          Grandstand
        </Link>
        {operating ? null : (
          <nav className={styles.nav} aria-label={words.main}>
            <Link to="/" current={path === "/"}>{words.matches}</Link>
            <Link to="/boards" current={path.startsWith("/board")}>{words.boards}</Link>
          </nav>
        )}
        <Choices />
      </header>
      <main className={styles.main} id="main" ref={main} tabIndex={-1}>
        <Access />
        <Boundary key={path} title={words.failed}>
          <Suspense fallback={<Loading />}>
            <Route path={path} />
          </Suspense>
        </Boundary>
      </main>
      <p className="visually-hidden" role="status" data-testid="gone-to">{useToldTitle()}</p>
      <Perf />
    </div>
  );
}

function Route({ path }: { path: string }) {
  for (const [pattern, Page] of PAGES) {
    const params = matchPath(pattern, path);
    if (params !== null) return <Page key={path} params={params} />;
  }
  return <Nowhere />;
}

function Nowhere() {
  const words = useWords();
  useTitle(words.nothing);
  return (
    <>
      <h1 className={styles.notice}>{words.nothing}</h1>
      <Link to="/">{words.all}</Link>
    </>
  );
}

function Loading() {
  const words = useWords();
  return (
    <div aria-busy="true">
      <h1 className="visually-hidden">{words.loading}</h1>
      <Skeleton rem={40} />
    </div>
  );
}

function Choices() {
  const words = useWords();
  const theme = usePreference("theme");
  const language = usePreference("language");
  return (
    <div className={styles.choices}>
      <select aria-label={words.theme} value={theme} onChange={(event) => prefer({ theme: event.target.value as Theme })}>
        <option value="system">{words.system}</option>
        <option value="light">{words.light}</option>
        <option value="dark">{words.dark}</option>
      </select>
      <select aria-label={words.language} value={language} onChange={(event) => prefer({ language: event.target.value === "de" ? "de" : "en" })}>
        <option value="en" lang="en">English</option>
        <option value="de" lang="de">Deutsch</option>
      </select>
    </div>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <path d="M2 20h20M4 20v-4h4v4M10 20v-8h4v8M16 20V8h4v12" fill="none" stroke="currentColor" strokeWidth="2" strokeLinejoin="round" />
    </svg>
  );
}

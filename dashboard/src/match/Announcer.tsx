/** Tells a screen reader what matters, at most once in five seconds; only a lost connection interrupts. */
import { useEffect, useRef, useState } from "react";
import { useConnection } from "../live/store.js";
import { useStateWords } from "../live/StateMark.js";
import { usePreference } from "../shell/preferences.js";
import { text } from "./document.js";
import { useNames } from "./Feed.js";
import { gameOf } from "./games/index.js";
import { eventText } from "./happenings.js";
import { useFeed } from "./parts.js";
import { useWords } from "./words.js";

const EVERY_MS = 5_000;
/** More than this at once is not a summary any more. */
const TOLD = 3;

export function Announcer({ channel, game }: { channel: string; game: string }) {
  const words = useWords();
  const states = useStateWords();
  const wanted = usePreference("announce");
  const names = useNames(channel);
  const { word } = useConnection();
  const feed = useFeed(channel);
  const [said, setSaid] = useState("");
  const newest = useRef<number | null>(null);
  const latest = useRef({ feed, names, words });
  latest.current = { feed, names, words };
  useEffect(() => {
    if (wanted === "off") return setSaid("");
    newest.current = null;
    const { important, silent } = gameOf(game);
    const timer = setInterval(() => {
      const { feed: now, names: called, words: spoken } = latest.current;
      const last = now.at(-1)?.key ?? -1;
      // What was there before the page is not news.
      const from = newest.current ?? last;
      newest.current = last;
      const news = now.filter(({ key, event }) => key > from && (wanted === "all" ? !silent.has(text(event.op)) : important.has(text(event.op))));
      if (news.length > 0) setSaid(news.slice(-TOLD).map(({ event }) => eventText(event, called, spoken)).join(". "));
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [wanted, game, channel]);
  return (
    <>
      <p className="visually-hidden" role="status">
        {said}
      </p>
      <p className="visually-hidden" role="alert">
        {word === "offline" || word === "reconnecting" ? states[word] : ""}
      </p>
    </>
  );
}

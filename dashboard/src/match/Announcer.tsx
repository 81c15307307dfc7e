/**
 * Tells a screen reader what matters, at most once in five seconds: what was decided, the score, the end. Only a lost connection
 * interrupts.
 */
import { useEffect, useRef, useState } from "react";
import { refusalOf } from "../live/refusal.js";
import { store, useConnection } from "../live/store.js";
import { useStateWords } from "../live/StateMark.js";
import { useFail } from "../shell/Boundary.js";
import { usePreference } from "../shell/preferences.js";
import { useNames } from "./Feed.js";
import { gameOf } from "./games/index.js";
import { NEWS_NONE, newsOf, standingOf, type Told } from "./news.js";
import { usePart } from "./parts.js";
import { useWords } from "./words.js";

const EVERY_MS = 5_000;

export function Announcer({ channel, game }: { channel: string; game: string }) {
  const words = useWords();
  const states = useStateWords();
  const wanted = usePreference("announce");
  const names = useNames(channel);
  const { word } = useConnection();
  const [said, setSaid] = useState("");
  const failing = useRef(useFail());
  const latest = useRef({ names, words });
  latest.current = { names, words };
  useEffect(() => {
    if (wanted === "off") return setSaid("");
    // What was there before the page is not news.
    let told: Told = NEWS_NONE;
    const tell = (): void => {
      const view = store.getState().channels[channel];
      if (view === undefined || view.version === null) return;
      try {
        const now = standingOf(view);
        if (told !== NEWS_NONE && told.source === now.source) {
          const news = newsOf(told, view, gameOf(game), wanted, latest.current.names, latest.current.words);
          if (news !== "") setSaid(news);
        }
        told = now;
      } catch (error) {
        failing.current(error);
      }
    };
    tell();
    const timer = setInterval(tell, EVERY_MS);
    return () => clearInterval(timer);
  }, [wanted, game, channel]);
  // What was said in another language is not left standing in it.
  useEffect(() => setSaid(""), [words]);
  const [refused] = usePart(channel, (view) => [refusalOf(view) !== null]);
  const lost = word === "offline" ? word : refused ? "refused" : word === "reconnecting" ? word : null;
  const wasLost = useRef(false);
  wasLost.current ||= lost !== null;
  return (
    <>
      <p className="visually-hidden" role="status" data-testid="told">
        {said}
      </p>
      <p className="visually-hidden" role="alert" data-testid="alarm">
        {lost !== null ? states[lost] : wasLost.current && word === "live" ? states.live : ""}
      </p>
    </>
  );
}

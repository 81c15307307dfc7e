/** A match's clock as it is read: going while the match is live, at the last known time while nothing is heard of it. */
import { useEffect, useState } from "react";
import type { Json } from "../../client/src/index.js";
import { store, type State } from "../live/store.js";
import { clockText, isObject, number } from "./document.js";
import { Ticking } from "./ticking.js";

/** Of a channel in which entries come: a late clock goes as well. */
const GOES = new Set(["live", "lagging", "rewind"]);

/** Its text, which renders only when another second is to be read; empty where the document has no clock. */
export function useClock(channel: string): string {
  const [shown, setShown] = useState(() => textOf(clockOf(store.getState(), channel)));
  useEffect(() => {
    let ticking = new Ticking();
    let source: object | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last: string | null = null;
    const show = (text: string): void => {
      if (text !== last) setShown(text);
      last = text;
    };
    const look = (): void => {
      clearTimeout(timer);
      const state = store.getState();
      const clock = clockOf(state, channel);
      const ms = isObject(clock) ? number(clock.t_ms) : null;
      if (!isObject(clock) || ms === null) return show(textOf(clock));
      // Another moment of the match says nothing of how fast the clock goes.
      if (state.channels[channel]?.source !== source) ticking = new Ticking();
      source = state.channels[channel]?.source;
      const status = state.channels[channel]?.status;
      const goes = clock.running === true && status !== undefined && GOES.has(status);
      const read = ticking.read(ms, goes, stands(state, channel), performance.now());
      show(textOf({ t_ms: read.ms }));
      if (read.next !== null) timer = setTimeout(look, read.next);
    };
    const stop = store.subscribe(look);
    look();
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [channel]);
  return shown;
}

const clockOf = ({ channels }: State, channel: string): Json | undefined => channels[channel]?.doc.clock;

const textOf = (clock: Json | undefined): string => (isObject(clock) ? clockText({ clock }) : "");

const stands = ({ connection, held }: State, channel: string): boolean => connection.word !== "live" || held[channel] !== undefined;

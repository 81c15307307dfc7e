/** Parts of a channel for components that must not render when something else changes. */
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import type { JsonObject } from "../../client/src/index.js";
import { store, type ChannelView } from "../live/store.js";

const NOTHING: ChannelView = { doc: {}, version: null, status: "live", behindMs: 0, feed: [], error: null, source: {}, present: { doc: {}, version: null, status: "live" } };

/** What `select` takes of a channel; renders again only when a member of it is another than before. */
export function usePart<T>(channel: string, select: (view: ChannelView) => T): T {
  return useStore(store, useShallow((state) => select(state.channels[channel] ?? NOTHING)));
}

export const useDocument = (channel: string): JsonObject => useStore(store, (state) => (state.channels[channel] ?? NOTHING).doc);

/** Nobody reads faster; the first event after a pause comes at once. */
const FEED_EVERY_MS = 250;

/** The feed, a few times a second however much happens: each new event moves every row. */
export function useFeed(channel: string): ChannelView["feed"] {
  const [feed, setFeed] = useState(() => (store.getState().channels[channel] ?? NOTHING).feed);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let takenAt = -Infinity;
    const newest = (): ChannelView["feed"] => (store.getState().channels[channel] ?? NOTHING).feed;
    let taken = newest();
    const take = (): void => {
      timer = null;
      takenAt = performance.now();
      taken = newest();
      setFeed(taken);
    };
    const stop = store.subscribe(() => {
      if (timer !== null || newest() === taken) return;
      const waitMs = takenAt + FEED_EVERY_MS - performance.now();
      if (waitMs <= 0) take();
      else timer = setTimeout(take, waitMs);
    });
    setFeed(taken);
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [channel]);
  return feed;
}

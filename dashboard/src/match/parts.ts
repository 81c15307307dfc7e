/** Parts of a channel for components that must not render when something else changes. */
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import type { JsonObject } from "../../client/src/index.js";
import { store, type ChannelView } from "../live/store.js";

const NOTHING: ChannelView = { doc: {}, version: null, status: "live", behindMs: 0, feed: [], error: null };

/** What `select` takes of a channel; renders again only when a member of it is another than before. */
export function usePart<T>(channel: string, select: (view: ChannelView) => T): T {
  return useStore(store, useShallow((state) => select(state.channels[channel] ?? NOTHING)));
}

export const useDocument = (channel: string): JsonObject => useStore(store, (state) => (state.channels[channel] ?? NOTHING).doc);

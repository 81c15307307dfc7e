/** Parts of a channel for components that must not render when something else changes. */
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import { lists, tables } from "../live/calm.js";
import { store, type ChannelView } from "../live/store.js";

const NOTHING: ChannelView = { doc: {}, version: null, status: "live", behindMs: 0, feed: [], error: null, source: {}, present: { doc: {}, version: null, status: "live" } };

/** What `select` takes of a channel; renders again only when a member of it is another than before. */
export function usePart<T>(channel: string, select: (view: ChannelView) => T): T {
  return useStore(store, useShallow((state) => select(state.channels[channel] ?? NOTHING)));
}

/** The same for tables: a few times a second however much happens. */
export function useTablePart<T>(channel: string, select: (view: ChannelView) => T): T {
  return useStore(tables, useShallow((state) => select(state.channels[channel] ?? NOTHING)));
}

/** The same for lists of what happened. */
export function useListPart<T>(channel: string, select: (view: ChannelView) => T): T {
  return useStore(lists, useShallow((state) => select(state.channels[channel] ?? NOTHING)));
}

/** What happened, for lists: each new event moves every row. */
export const useFeed = (channel: string): ChannelView["feed"] => useStore(lists, (state) => (state.channels[channel] ?? NOTHING).feed);

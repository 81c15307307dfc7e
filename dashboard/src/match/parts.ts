/** Parts of a channel for components that must not render when something else changes. */
import { useStore, type StoreApi } from "zustand";
import { useShallow } from "zustand/react/shallow";
import { lists, tables } from "../live/calm.js";
import { store, type ChannelView, type State } from "../live/store.js";

const NOTHING: ChannelView = { doc: {}, version: null, status: "live", behindMs: 0, feed: [], error: null, source: {}, present: { doc: {}, version: null, status: "live" } };

const partsOf =
  (from: StoreApi<Pick<State, "channels">>) =>
  <T>(channel: string, select: (view: ChannelView) => T): T =>
    useStore(from, useShallow((state) => select(state.channels[channel] ?? NOTHING)));

/** What `select` takes of a channel; renders again only when a member of it is another than before. */
export const usePart = partsOf(store);

/** The same for tables: a few times a second however much happens. */
export const useTablePart = partsOf(tables);

/** The same for lists of what happened. */
export const useListPart = partsOf(lists);

/** What happened, for lists: each new event moves every row. */
export const useFeed = (channel: string): ChannelView["feed"] => useStore(lists, (state) => (state.channels[channel] ?? NOTHING).feed);

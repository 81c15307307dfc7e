/** One connection, one store: messages change viewers in place; one animation frame makes one store update. */
import { useEffect } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { messageArrived, messagesShown } from "../perf/meter.js";
import { queries } from "../shell/api.js";
import { currentToken } from "../shell/token.js";
import { Live, LOBBY, type Connection, type ErrorMessage, type JsonObject } from "../../client/src/index.js";
import { Held } from "./held.js";

export interface ChannelView {
  doc: JsonObject;
  version: string | null;
  status: string;
  behindMs: number;
  feed: { key: number; event: JsonObject }[];
  error: ErrorMessage | null;
  /** Another object after each step into the past or back. */
  source: object;
  /** What is known of now, also while the past is shown. */
  present: { doc: JsonObject; version: string | null; status: string };
}

export interface State {
  connection: Connection;
  channels: Record<string, ChannelView>;
  /** Channels whose picture the viewer has stopped, with how many versions wait. */
  held: Record<string, number>;
}

/** Hidden tabs get no animation frames; they are brought up to date this often. */
const HIDDEN_FLUSH_MS = 500;
/** Events kept of each channel; older ones come from the history. */
const FEED_ENTRIES = 500;
/** A part of the page that is not there after this does not come. */
const UNCLAIMED_MS = 30_000;
/** How much waits is told no more often: whoever stops a picture does not want another one that moves. */
const WAITING_EVERY_MS = 1_000;

export const store = createStore<State>(() => ({ connection: { word: "connecting", transport: null, retryAt: 0, role: "alone" }, channels: {}, held: {} }));

const dirty = new Set<string>();
const held = new Held();
let scheduled = false;
let telling = false;

export const live = new Live({
  url: location.origin,
  token: currentToken,
  // Tabs with different tokens see different things.
  share: currentToken() ?? "",
  feedEntries: FEED_ENTRIES,
  onChange: (channel) => {
    if (channel !== null) {
      if (held.keeps(channel, live.view(channel))) return tellWaiting();
      dirty.add(channel);
      messageArrived();
    }
    schedule();
  },
});

/** With another token all is asked again. */
export function renewAccess(): void {
  live.renew(currentToken() ?? "");
  void queries.invalidateQueries();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  if (document.visibilityState === "visible") requestAnimationFrame(flush);
  else setTimeout(flush, HIDDEN_FLUSH_MS);
}

// A frame that was asked for does not come once the tab is hidden.
document.addEventListener("visibilitychange", () => {
  if (scheduled) flush();
});

function flush(): void {
  scheduled = false;
  const { channels: before } = store.getState();
  let channels = before;
  for (const name of dirty) {
    if (held.has(name)) continue;
    const viewer = live.view(name);
    if (channels === before) channels = { ...before };
    if (viewer === undefined) delete channels[name];
    else {
      const { doc, version, status, behindMs, feed } = viewer;
      const present = live.viewers.get(name) ?? viewer;
      channels[name] = {
        doc, version, status, behindMs, feed,
        error: live.errors.get(name) ?? null,
        source: viewer,
        present: { doc: present.doc, version: present.version, status: present.status },
      };
    }
  }
  dirty.clear();
  store.setState({ connection: live.connection.value, channels, held: held.counts() });
  messagesShown();
}

function tellWaiting(): void {
  if (telling) return;
  telling = true;
  setTimeout(() => {
    telling = false;
    store.setState({ held: held.counts() });
  }, WAITING_EVERY_MS);
}

/** Stops a channel's picture; what comes meanwhile waits, as one state. */
export function hold(channel: string): void {
  const viewer = live.view(channel);
  if (viewer === undefined) return;
  held.hold(channel, viewer);
  store.setState({ held: held.counts() });
}

/** Shows what is there now, and goes on. */
export function release(channel: string): void {
  held.release(channel);
  store.setState({ held: held.counts() });
  dirty.add(channel);
  schedule();
}

/** How many versions wait for a channel that is stopped; null where it goes on. */
export const useWaiting = (channel: string): number | null => useStore(store, (state) => state.held[channel] ?? null);

/** For the console and for whoever measures the page. */
Object.assign(globalThis, { grandstand: live });

export const useConnection = (): Connection => useStore(store, (state) => state.connection);

/** Watches a channel while the part that calls it is shown. */
export const useWatched = (channel: string): void => useEffect(() => watch(channel), [channel]);

/** The same, and what is known of it; undefined until something is. Renders with every change. */
export function useChannel(channel: string): ChannelView | undefined {
  useWatched(channel);
  return useStore(store, (state) => state.channels[channel]);
}

/** For what shows a channel and has failed: calls back when there is something else to show of it. */
export const renewalOf = (channel: string) => (renewed: () => void): (() => void) =>
  store.subscribe((now, before) => {
    if (now.channels[channel] !== before.channels[channel]) renewed();
  });

const watchers = new Map<string, number>();

/** Watches while at least one part of the page wants it. */
export function watch(channel: string): () => void {
  watchers.set(channel, (watchers.get(channel) ?? 0) + 1);
  live.watch(channel);
  dirty.add(channel);
  schedule();
  return () => {
    const left = (watchers.get(channel) ?? 1) - 1;
    watchers.set(channel, left);
    if (left === 0) {
      held.release(channel);
      live.unwatch(channel);
      dirty.add(channel);
      schedule();
    }
  };
}

/** Asks for a channel that a part of the page is about to watch; one that none does is let go again. */
export function begin(channel: string): void {
  live.watch(channel);
  setTimeout(() => {
    if (!watchers.get(channel)) live.unwatch(channel);
  }, UNCLAIMED_MS);
}

/** Begins with a channel of which nothing is known as if it were new. */
export function again(channel: string): void {
  live.unwatch(channel);
  live.watch(channel);
  dirty.add(channel);
  schedule();
}

export { LOBBY };

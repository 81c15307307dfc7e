/** The channels once more, a few times a second however much happens: for what nobody reads faster. */
import { createStore, type StoreApi } from "zustand/vanilla";
import { store, type State } from "./store.js";

type Calm = Pick<State, "channels">;

export const CALM_MS = 250;

/** For tables; the first change after a pause comes at once. */
export const tables = calmed(store, (takenAt) => takenAt + CALM_MS - performance.now());

/** For lists of what happened: half a turn after the tables, as both in one frame are too much for a slow machine. */
export const lists = calmed(tables, () => CALM_MS / 2);

/** What `store` holds, taken so many milliseconds after `source` has changed; at once where there is another thing to show. */
function calmed(source: Pick<StoreApi<Calm>, "subscribe">, waitMs: (takenAt: number) => number): StoreApi<Calm> {
  const calm = createStore<Calm>(() => ({ channels: store.getState().channels }));
  let takenAt = -Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const take = (): void => {
    clearTimeout(timer);
    timer = undefined;
    takenAt = performance.now();
    calm.setState({ channels: store.getState().channels });
  };
  source.subscribe(() => {
    const { channels } = store.getState();
    const known = calm.getState().channels;
    if (channels === known) return;
    const wait = begins(channels, known) ? 0 : waitMs(takenAt);
    if (wait <= 0) take();
    else timer ??= setTimeout(take, wait);
  });
  return calm;
}

/** Whether there is a channel to show that was not there, or another moment of one. */
function begins(channels: State["channels"], known: State["channels"]): boolean {
  return Object.entries(channels).some(([name, { source, version }]) => known[name]?.source !== source || (version !== null && known[name].version === null));
}

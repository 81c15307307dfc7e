/** The connections of a site's elements: one for each gateway and token, kept while an element needs it. */
import { Live } from "../client/src/index.js";

interface Shared {
  live: Live;
  users: Set<(channel: string | null) => void>;
  watches: Map<string, number>;
}

const all = new Map<string, Shared>();

export interface Watching {
  live: Live;
  stop: () => void;
}

/**
 * Watches a channel.
 *
 * @param changed called for every change of the channel or the connection; draw on the next frame, not in it.
 */
export function watchShared(gateway: string, token: string | null, channel: string, changed: () => void): Watching {
  const key = `${gateway} ${token ?? ""}`;
  const shared = all.get(key) ?? open(key, gateway, token);
  const told = (what: string | null): void => {
    if (what === null || what === channel) changed();
  };
  shared.users.add(told);
  shared.watches.set(channel, (shared.watches.get(channel) ?? 0) + 1);
  shared.live.watch(channel);
  return {
    live: shared.live,
    stop: () => {
      shared.users.delete(told);
      const left = (shared.watches.get(channel) ?? 1) - 1;
      shared.watches.set(channel, left);
      if (left > 0) return;
      shared.watches.delete(channel);
      shared.live.unwatch(channel);
      if (shared.watches.size > 0) return;
      all.delete(key);
      shared.live.close();
    },
  };
}

function open(key: string, gateway: string, token: string | null): Shared {
  const users = new Set<(channel: string | null) => void>();
  const live = new Live({ url: gateway, token: () => token, share: token ?? "", feedEntries: 50, onChange: (channel) => users.forEach((user) => user(channel)) });
  const shared = { live, users, watches: new Map<string, number>() };
  all.set(key, shared);
  return shared;
}

/** Pages of a channel's events before those that the page holds, asked for one after another. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { get } from "../shell/api.js";
import { cursorAfter, olderThan } from "./older.js";
import type { Told } from "./series.js";

const PAGE = 200;
/** More are not held: the slider leads further back. */
const EVENTS_MAX = 5_000;
const CHOSEN_MAX = 32;

interface Row extends Told {
  index: number;
}

interface EventPage {
  events: Row[];
  next: string | null;
}

/** What is being read: the feed as it was when reading began, and the version that it belongs to. */
export interface Held {
  feed: readonly { key: number; event: JsonObject }[];
  version: string;
}

export interface Older {
  rows: readonly Row[];
  /** Whether there is more to ask for. */
  more: boolean;
  /** As much is held as may be. */
  full: boolean;
  busy: boolean;
  failed: boolean;
  load: () => void;
}

/** @param chosen only these ops; null for all. */
export function useOlder(channel: string, held: Held | null, asked: boolean, chosen: ReadonlySet<string> | null): Older {
  const ops = chosen === null ? "" : `&ops=${[...chosen].slice(0, CHOSEN_MAX).join()}`;
  const feed = useMemo(() => (held === null ? [] : held.feed.map(({ event }) => event).filter(({ op }) => chosen === null || (typeof op === "string" && chosen.has(op)))), [held, chosen]);
  const pages = useInfiniteQuery({
    queryKey: ["older", channel, held?.version, ops],
    enabled: held !== null && asked,
    staleTime: Infinity,
    gcTime: 0,
    initialPageParam: held === null ? "" : cursorAfter(held.version),
    // The first page has the feed's own events in it.
    queryFn: ({ pageParam, signal }) =>
      get<EventPage>(`/v1/channels/${channel}/events?before=${pageParam}&limit=${PAGE + (pageParam.includes(".") ? 0 : feed.length)}${ops}`, signal),
    getNextPageParam: ({ next }, all) => (all.reduce((sum, { events }) => sum + events.length, 0) < EVENTS_MAX ? next : null),
  });
  const rows = useMemo(() => olderThan(feed, pages.data?.pages.flatMap(({ events }) => events) ?? []), [feed, pages.data]);
  const last = pages.data?.pages.at(-1);
  return {
    rows,
    more: pages.data === undefined || pages.hasNextPage,
    full: last?.next != null && !pages.hasNextPage,
    busy: pages.isFetching,
    failed: pages.isError,
    load: () => void (pages.data === undefined ? pages.refetch() : pages.hasNextPage && !pages.isFetching && pages.fetchNextPage()),
  };
}

/** The clock of each event of a channel's feed, as far as it is known. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { store } from "../live/store.js";
import { get } from "../shell/api.js";
import { trackOf, type Step } from "./course.js";
import { Moments, type Unknown } from "./moments.js";
import { cursorAfter } from "./older.js";
import type { Told } from "./series.js";
import { useCourse } from "./useCourse.js";

/** Of the history so many more are asked for than the feed has: those that conflation left out. */
const MORE = 50;
const MOST = 1_000;
/** The history is asked no more often, whatever happens: a match that is played very fast leaps all the time. */
const EVERY_MS = 10_000;

export interface Clocks {
  /** The clock at an event of the feed; null where it is not known. */
  of: (entry: { key: number; event: JsonObject }) => JsonObject | null;
  /** For events of the history. */
  track: readonly Step[];
}

export function useMoments(channel: string): Clocks {
  const course = useCourse(channel);
  const track = useMemo(() => trackOf(course.data?.points ?? []), [course.data]);
  const [moments] = useState(() => new Moments());
  const [unknown, setUnknown] = useState<Unknown | null>(null);
  useEffect(() => {
    let askedAt = -Infinity;
    const look = (): void => {
      const view = store.getState().channels[channel];
      if (view === undefined || view.version === null) return;
      const missing = moments.take(view);
      if (missing === null || performance.now() - askedAt < EVERY_MS) return;
      askedAt = performance.now();
      setUnknown(missing);
    };
    look();
    return store.subscribe(look);
  }, [channel, moments]);
  const told = useQuery({
    queryKey: ["moments", channel, unknown?.version],
    enabled: unknown !== null && course.isSuccess,
    staleTime: Infinity,
    gcTime: 0,
    queryFn: async ({ signal }) => {
      const { feed, version } = unknown!;
      return (await get<{ events: Told[] }>(`/v1/channels/${channel}/events?before=${cursorAfter(version)}&limit=${Math.min(MOST, feed.length + MORE)}`, signal)).events;
    },
  });
  return useMemo(() => {
    if (unknown !== null && told.data !== undefined) moments.fill(unknown, told.data, track);
    return { of: (entry) => moments.of(entry), track };
  }, [moments, unknown, told.data, track]);
}

/** What came before a page was opened, from the history: the course, and those events that the game's chart and timeline need. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { get } from "../shell/api.js";
import { trackOf, type CoursePoint, type Step } from "./course.js";
import { gameOf } from "./games/index.js";
import { usePart } from "./parts.js";
import type { Told } from "./series.js";
import { FRESH_MS, useCourse } from "./useCourse.js";

const PAGE = 1_000;
/** A match of more events has a chart that begins later. */
const PAGES_MAX = 6;

interface EventPage {
  events: Told[];
  next: string | null;
}

export interface Past {
  points: readonly CoursePoint[];
  track: readonly Step[];
  told: readonly Told[];
}

const NOTHING: readonly never[] = [];

/** Undefined until all of it is here, and where nothing is kept. */
export function usePast(channel: string, game: string): Past | undefined {
  const course = useCourse(channel);
  const { told: ops } = gameOf(game);
  const points = course.data?.points ?? NOTHING;
  const first = points[0]?.id;
  const told = useQuery({
    queryKey: ["told", channel, first, ops],
    enabled: first !== undefined && ops.length > 0,
    staleTime: FRESH_MS,
    queryFn: async ({ signal }) => {
      const found: Told[] = [];
      for (let page = 0, after: string | null = first!; after !== null && page < PAGES_MAX; page++) {
        const got: EventPage = await get(`/v1/channels/${channel}/events?ops=${ops.join()}&limit=${PAGE}&after=${after}`, signal);
        found.push(...got.events);
        after = got.next;
      }
      return found;
    },
  });
  // Going to another moment is a time to look again: what was watched meanwhile was not gathered.
  const [source] = usePart(channel, (view) => [view.source]);
  const seen = useRef(source);
  const refresh = useRef(() => {});
  refresh.current = () => {
    if (course.isStale && course.isSuccess) void course.refetch();
    if (told.isStale && told.isSuccess) void told.refetch();
  };
  useEffect(() => {
    if (seen.current !== source) refresh.current();
    seen.current = source;
  }, [source]);
  const events = ops.length === 0 ? NOTHING : told.data;
  return useMemo(() => (events === undefined || first === undefined ? undefined : { points, track: trackOf(points), told: events }), [points, events, first]);
}

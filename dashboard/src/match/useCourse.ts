/** A match's course, asked for once a page needs it; what comes after is seen live. */
import { queryOptions, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { get } from "../shell/api.js";
import type { Course } from "./course.js";

export const FRESH_MS = 20_000;
/** A match that has just begun is not in the history yet; one of a gateway without history never will be. */
const AGAIN_MS = 5_000;
const AGAIN_MAX_MS = 80_000;
/** The match itself is not kept back for longer. */
const PATIENCE_MS = 300;

const courseOf = (channel: string) =>
  queryOptions({
    queryKey: ["course", channel],
    queryFn: ({ signal }) => get<Course>(`/v1/matches/${encodeURIComponent(channel.slice(channel.indexOf(":") + 1))}/course`, signal),
    staleTime: FRESH_MS,
    retry: false,
    retryOnMount: false,
  });

/**
 * Whether the page is not kept back for it any more: it was answered once, with a course or with none (`isFetched`, also while it is
 * asked again), or was waited for long enough. What stands on it is drawn with all else, and nothing jumps.
 */
export function useCourseAwaited(channel: string): boolean {
  const { isFetched } = useQuery({ ...courseOf(channel), notifyOnChangeProps: ["isFetched"] });
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [channel]);
  return late || isFetched;
}

export const useCourse = (channel: string): UseQueryResult<Course> =>
  useQuery({
    ...courseOf(channel),
    refetchInterval: ({ state }) => (state.status === "error" ? Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** (state.errorUpdateCount - 1)) : false),
  });

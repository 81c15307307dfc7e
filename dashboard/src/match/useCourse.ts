/** A match's course, asked for once a page needs it; what comes after is seen live. */
import { queryOptions, usePrefetchQuery, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { get } from "../shell/api.js";
import type { Course } from "./course.js";

export const FRESH_MS = 20_000;
/** A match that has just begun is not in the history yet; one of a gateway without history never will be. */
const AGAIN_MS = 5_000;
const AGAIN_MAX_MS = 80_000;

const courseOf = (channel: string) =>
  queryOptions({
    queryKey: ["course", channel],
    queryFn: ({ signal }) => get<Course>(`/v1/matches/${encodeURIComponent(channel.slice(channel.indexOf(":") + 1))}/course`, signal),
    staleTime: FRESH_MS,
    retry: false,
  });

/** Asks for it while the match itself is still on its way. */
export const useCourseAhead = (channel: string): void => usePrefetchQuery(courseOf(channel));

export const useCourse = (channel: string): UseQueryResult<Course> =>
  useQuery({
    ...courseOf(channel),
    refetchInterval: ({ state }) => (state.status === "error" ? Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** (state.errorUpdateCount - 1)) : false),
  });

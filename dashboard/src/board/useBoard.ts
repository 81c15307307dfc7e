/** A board's data: the live top by its channel, other rows by pages as they come into view. */
import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { useChannel } from "../live/store.js";
import { get } from "../shell/api.js";
import { boardPath, held, PAGE_ROWS, pagesFor, placed, together, topOf, type BoardPart, type Row } from "./rows.js";

/** Boards are a second or three behind; asking more often shows nothing new. */
const REFRESH_MS = 2_000;

export interface Board {
  rows: Map<number, Row>;
  total: number;
  moved: number;
  asOfMs: number;
  /** Neither a page nor the channel knows of anything that is missing. */
  complete: boolean;
  error: Error | null;
  loading: boolean;
  status: string;
  behindMs: number;
  retry: () => void;
}

/**
 * Rows of a board around the positions that are in view.
 *
 * @param hold whether the places of rows stay as they are (points go on).
 * @param paused whether nothing is asked for but what comes into view.
 */
export function useBoard(board: string, first: number, last: number, hold: boolean, paused: boolean): Board {
  const live = useChannel(`board:${board}`);
  const pages = pagesFor(first, last);
  const refetchInterval = paused ? (false as const) : REFRESH_MS;
  const parts = useQueries({
    queries: pages.map((page) => ({
      queryKey: ["board", board, page],
      queryFn: ({ signal }: { signal: AbortSignal }) => get<BoardPart>(`${boardPath(board)}?offset=${page * PAGE_ROWS}&limit=${PAGE_ROWS}`, signal),
      refetchInterval,
      placeholderData: keepPreviousData,
    })),
    combine: (results) => ({
      parts: results.flatMap(({ data }) => (data === undefined ? [] : [data])),
      error: results.find(({ error, data }) => error !== null && data === undefined)?.error ?? null,
      loading: results.every(({ isPending }) => isPending),
      retry: () => results.forEach(({ refetch }) => void refetch()),
    }),
  });
  const top = useMemo(() => (live === undefined ? null : topOf(live.doc)), [live]);
  const silent = live?.status === "paused";
  const newest = useMemo(() => {
    const known = together(parts.parts, top, silent);
    return { ...known, rows: placed(known.parts) };
  }, [parts.parts, top, silent]);

  const shown = useRef(new Map<number, Row>());
  const { rows, moved } = useMemo(() => {
    if (hold && shown.current.size > 0) return held(shown.current, newest.rows);
    return { rows: newest.rows, moved: 0 };
  }, [newest, hold]);
  // While places are held they are those of when the holding began.
  if (!hold) shown.current = rows;

  const nothing = newest.parts.length === 0;
  return {
    rows,
    moved,
    total: newest.total,
    asOfMs: newest.asOfMs,
    complete: newest.complete,
    error: nothing ? parts.error : null,
    loading: nothing && parts.error === null,
    status: live?.status ?? "live",
    behindMs: live?.behindMs ?? 0,
    retry: parts.retry,
  };
}

/** The rows around one member, ten above and ten below. */
export function useAround(board: string, member: string | null, paused: boolean) {
  return useQuery<BoardPart>({
    queryKey: ["around", board, member],
    queryFn: ({ signal }) => get<BoardPart>(`${boardPath(board)}/around/${encodeURIComponent(member ?? "")}?span=10`, signal),
    enabled: member !== null,
    refetchInterval: paused ? false : REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}

/** Members of the whole board whose id, name or a word of it begins so; what was found before stays until they are there. */
export function useFound(board: string, wanted: string) {
  return useQuery<BoardPart>({
    queryKey: ["found", board, wanted],
    queryFn: ({ signal }) => get<BoardPart>(`${boardPath(board)}/search?q=${encodeURIComponent(wanted)}`, signal),
    enabled: wanted !== "",
    retry: false,
    placeholderData: keepPreviousData,
  });
}

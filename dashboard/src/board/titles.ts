/** What matches are called, for the boards that are of one match. */
import { useQuery } from "@tanstack/react-query";
import { get } from "../shell/api.js";

const MATCHES_MAX = 100;
const FRESH_MS = 60_000;

export type Titles = ReadonlyMap<string, string>;

const NONE: Titles = new Map();

async function titles(signal: AbortSignal): Promise<Titles> {
  const { matches } = await get<{ matches: { id: string; title?: string }[] }>(`/v1/matches?limit=${MATCHES_MAX}`, signal);
  return new Map(matches.flatMap(({ id, title }) => (title ? [[id, title] as const] : [])));
}

/** By the matches' ids, of those that are live and those that were last; a match without one goes by its id. */
export const useTitles = (wanted: boolean): Titles =>
  useQuery({ queryKey: ["titles"], queryFn: ({ signal }) => titles(signal), enabled: wanted, staleTime: FRESH_MS }).data ?? NONE;

/** What `/v1/players/{id}/stats` answers, and how it is read. Pure. */

export interface RecentMatch {
  match: string;
  title: string | null;
  team: string | null;
  result: string | null;
  totals: Record<string, number>;
  ended_ms: number | null;
}

export interface PlayerStats {
  player: string;
  name: string | null;
  as_of_ms: number;
  age_ms: number;
  matches: number;
  totals: Record<string, number>;
  rates: Record<string, number>;
  streak: { kind: string; length: number } | null;
  recent: RecentMatch[];
  head_to_head: { opponent: string; name: string | null; kills: number; deaths: number }[];
}

export interface Figure {
  metric: string;
  total: number;
  rate: number | null;
}

/** What tells most of a player comes first; metrics that are not known here follow by their totals. */
const FIRST = ["score", "goals", "kills", "deaths", "assists", "saves", "shots"];

const place = (metric: string): number => (FIRST.includes(metric) ? FIRST.indexOf(metric) : FIRST.length);

export function figuresOf({ totals, rates }: Pick<PlayerStats, "totals" | "rates">): Figure[] {
  return Object.entries(totals)
    .map(([metric, total]) => ({ metric, total, rate: rates[`${metric}_per_match`] ?? null }))
    .sort((a, b) => place(a.metric) - place(b.metric) || b.total - a.total || a.metric.localeCompare(b.metric));
}

/** The metrics of the last matches that tell most, `most` at most. */
export function metricsOf(recent: readonly RecentMatch[], most: number): string[] {
  const metrics = [...new Set(recent.flatMap(({ totals }) => Object.keys(totals)))];
  return metrics.sort((a, b) => place(a) - place(b) || a.localeCompare(b)).slice(0, most);
}

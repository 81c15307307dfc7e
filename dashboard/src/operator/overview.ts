/** What `/admin/v1/…` answers, and small readings of it. Pure. */

export interface Quantiles {
  p50: number | null;
  p99: number | null;
}

export interface WorkerRow {
  index: number;
  pid: number;
  ws: number;
  sse: number;
  http: number;
  siblings: number;
  behind: number;
  memory_bytes: number;
  loop_lag_ms: Quantiles;
  channels: number;
  store_connected: boolean;
}

export interface ChannelRow {
  channel: string;
  viewers: number;
  behind: number;
  workers: number;
  owner?: number;
  status?: string;
  entries_per_s?: number | null;
  behind_ms?: number;
  interval_ms?: number;
  stretched?: boolean;
  memory_bytes?: number;
  position?: string | null;
  errors?: number;
}

export interface Letter {
  channel: string;
  position: string | null;
  reason: string;
}

export interface PageRow {
  browser: string;
  beats: number;
  fps_p50: number | null;
  dropped_frames: number;
  tick_to_pixel_ms: { p50: number | null; p95: number | null };
}

export type Rates = Record<"events" | "frames_out" | "bytes_out" | "conflated" | "handshakes" | "refusals" | "closed" | "dead_letters" | "snapshots" | "resumes", number | null>;

export interface Overview {
  as_of_ms: number;
  over_s: number | null;
  gateway: { ready: boolean; workers: number; workers_wanted: number; restarts: number; uptime_s: number; bugs: number };
  connections: { ws: number; sse: number; http: number; behind: number };
  rates: Rates;
  lag_ms: Quantiles;
  workers: WorkerRow[];
  channels: ChannelRow[];
  channels_total: number;
  store: { connected: boolean; reconnects: number; wakeup: string; wakeup_reason: string; keyframes: number; histories_started_over: number; gaps: number };
  aggregate: {
    partitions: number;
    sinks: { sink: string; entries_per_s: number | null; backlog: number }[];
    boards_broken: number;
    recounts: number;
    history_failures: number;
  };
  totals: { uncounted: Record<string, number>; refusals: Record<string, number>; dead_letters: Record<string, number>; closed: Record<string, number> };
  letters: Letter[];
  pages: PageRow[];
}

export interface ViewerRow {
  connection: string;
  kind: string;
  encoding: string;
  audience: string;
  behind: boolean;
  pending_bytes: number;
}

export interface OutletRow {
  audience: string;
  version: string | null;
  status: string;
  behind_ms: number;
  waiting: number;
  viewers: Record<string, number>;
  behind: number;
}

export interface ChannelView {
  channel: string;
  as_of_ms: number;
  workers: {
    worker: number;
    role: string;
    viewers: number;
    behind: number;
    status: string;
    outlets: OutletRow[];
    connections: ViewerRow[];
    position?: string | null;
    entries?: number;
    gaps?: number;
    behind_ms?: number;
    interval_ms?: number;
    stretched?: boolean;
    memory_bytes?: number;
    errors?: { position: string | null; reason: string }[];
  }[];
}

export interface ConnectionView {
  worker: number;
  as_of_ms: number;
  connection: string;
  kind: string;
  encoding: string;
  audience: string;
  anonymous: boolean;
  expires_s: number | null;
  silent_ms: number;
  pending_bytes: number;
  channels: { channel: string; behind: boolean; flushes_behind: number; version: string | null }[];
}

/** The last values of a figure, oldest first; as many as `most`. */
export function remember<T>(past: readonly T[], value: T, most: number): T[] {
  return [...past, value].slice(-most);
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes in the unit in which they have one to three digits before the point: 12.3 MB. */
export function bytesText(bytes: number, decimal: (value: number, digits: number) => string): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${decimal(value, unit === 0 || value >= 99.5 ? 0 : 1)} ${UNITS[unit]}`;
}

/** 93784 s as 1 d 2 h; the two greatest units. */
export function durationText(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const first = Math.max(0, parts.findIndex(([value]) => value > 0));
  const shown = parts.slice(first, first + 2).filter(([value], at) => value > 0 || at === 0);
  return seconds < 1 ? "0 s" : shown.map(([value, unit]) => `${value} ${unit}`).join(" ");
}

export type Order = { by: keyof ChannelRow; down: boolean };

/** Rows in the order asked for; what is not known comes last either way. */
export function sorted(rows: readonly ChannelRow[], { by, down }: Order): ChannelRow[] {
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [a[by], b[by]];
    if (x == null || y == null) return (x == null ? 1 : 0) - (y == null ? 1 : 0);
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return sign * order || a.channel.localeCompare(b.channel);
  });
}

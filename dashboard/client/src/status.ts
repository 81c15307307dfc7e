/** What a page says of a connection and of a channel, in one word. */

/** How messages come; the best first. */
export const TRANSPORTS = ["websocket", "sse", "polling"] as const;
export type TransportKind = (typeof TRANSPORTS)[number];

export interface Connection {
  word: "connecting" | "live" | "reconnecting" | "offline" | "closed";
  /** Null while there is none. */
  transport: TransportKind | null;
  /** Unix ms of the next attempt; 0 where none is due. */
  retryAt: number;
  /** Whether the connection is this tab's own, one that others use too, or another tab's. */
  role: "alone" | "leader" | "follower";
}

export type Status = "connecting" | "live" | "behind" | "paused" | "reconnecting" | "offline" | "ended" | "rewind";

/** Trouble with the connection goes before what the channel says of itself. */
export function statusOf(connection: Connection["word"], channel: string): Status {
  if (connection === "closed") return "offline";
  if (connection !== "live") return connection;
  if (channel === "lagging") return "behind";
  return channel === "paused" || channel === "ended" || channel === "rewind" ? channel : "live";
}

// Made by `python -m gateway.model.generate` from gateway/model/messages.py; not written by hand.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export type ErrorCode = "bad_request" | "unauthorized" | "forbidden" | "unknown_channel" | "message_too_large" | "rate_limited" | "token_expired" | "unavailable" | "rewind_unavailable" | "internal";

export const ERROR_CODES: readonly ErrorCode[] = ["bad_request", "unauthorized", "forbidden", "unknown_channel", "message_too_large", "rate_limited", "token_expired", "unavailable", "rewind_unavailable", "internal"];

export const FATAL: Partial<Record<ErrorCode, number>> = {"message_too_large": 1009, "rate_limited": 1008, "token_expired": 1008};

export const JSON_SUBPROTOCOL = "grandstand.v1.json";

export const MSGPACK_SUBPROTOCOL = "grandstand.v1.msgpack";

export const LOBBY = "lobby:matches";

export const DOCUMENT_DEPTH_MAX = 64;

export const VERSION = /^[!#-~]{1,64}(?![\s\S])/;

/** The whole state: replaces what the viewer holds. */
export interface Snapshot {
  type: "snapshot";
  channel: string;
  version: string;
  state: JsonObject;
  feed: JsonObject[];
  status: string;
}

/** What leads from one version to the next: a merge patch (RFC 7396) and the events that made it. */
export interface Delta {
  type: "delta";
  channel: string;
  from: string;
  version: string;
  patch: JsonObject;
  events?: JsonObject[];
  skipped?: number;
}

/** Nothing has happened, and this is the newest version. */
export interface Tick {
  type: "tick";
  channel: string;
  version: string;
}

/** How the channel is doing; `behind_ms` is the publisher's lag without its clock's offset, in a rewind how long ago it was. */
export interface Status {
  type: "status";
  channel: string;
  status: string;
  behind_ms: number;
}

/** A request of the viewer that was not served. */
export interface ErrorMessage {
  type: "error";
  code: ErrorCode;
  message: string;
  channel?: string | null;
}

/** The server is going away: come back after a random time between the two. */
export interface Bye {
  type: "bye";
  reason: string;
  retry_ms: [number, number];
}

/** Watch a channel, from a version held if there is one; or its past from a moment on (`at`), at so many times its pace. */
export interface Watch {
  op: "watch";
  channel: string;
  since?: string | null;
  at?: string | null;
  speed?: number | null;
}

/** Watch a channel no longer. */
export interface Unwatch {
  op: "unwatch";
  channel: string;
}

/** How a viewer has done since its last beat: a random sample of `tick_to_pixel_ms`, and what it could not use. */
export interface Beat {
  op: "beat";
  browser?: "chromium" | "firefox" | "other" | "safari";
  country?: string | null;
  fps?: number | null;
  dropped_frames?: number;
  tick_to_pixel_ms?: number[];
  malformed?: number;
  resyncs?: number;
  failures?: number;
}

/**
 * What each field of a server's message must be: `t` text, `v` a version, `n` a whole number, `o` an object,
 * `e` an error's code; `*` a list of them, twice or more a list of so many; `?` it may be left out, `0` it may be null.
 */
export const FORMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  snapshot: { channel: "t", version: "v", state: "o", feed: "o*", status: "t" },
  delta: { channel: "t", from: "v", version: "v", patch: "o", events: "o*?", skipped: "n?" },
  tick: { channel: "t", version: "v" },
  status: { channel: "t", status: "t", behind_ms: "n" },
  error: { code: "e", message: "t", channel: "t0?" },
  bye: { reason: "t", retry_ms: "nn" },
};

export type ServerMessage = Snapshot | Delta | Tick | Status | ErrorMessage | Bye;

export type ViewerMessage = Watch | Unwatch | Beat;

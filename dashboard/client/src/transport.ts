/** The three ways in which messages come. Each asks for channels, says what it hears, and says once that it has ended. */
import { JSON_SUBPROTOCOL, type Beat } from "./messages.js";
import { isRefusal, read, type Heard } from "./reading.js";
import type { TransportKind } from "./status.js";

/** A channel as it is asked for: from a version held, or back in time (`at`) at a speed. */
export interface Want {
  channel: string;
  since?: string;
  at?: string;
  speed?: number;
}

export interface Hears {
  /** It carries messages. */
  opened: () => void;
  message: (message: Heard, bytes: number) => void;
  /** It carries none any more, or never has. */
  closed: () => void;
}

export interface Transport {
  readonly kind: TransportKind;
  ask: (want: Want) => void;
  leave: (channel: string) => void;
  /** Of a WebSocket, which alone takes more than questions: whether it was sent. */
  say?: (message: object) => boolean;
  close: () => void;
}

export type Open = (url: string, token: string | null, hears: Hears) => Transport;

export const openWebSocket: Open = (url, token, hears) => {
  const protocols = token === null ? [JSON_SUBPROTOCOL] : [JSON_SUBPROTOCOL, "bearer", token];
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/live`, protocols);
  const asked = new Set<string>();
  const say = (message: object): boolean => {
    const open = socket.readyState === 1;
    if (open) socket.send(JSON.stringify(message));
    return open;
  };
  socket.onopen = hears.opened;
  socket.onclose = hears.closed;
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    // A binary message is none of this subprotocol's.
    const text = String(data);
    hears.message(read(text), text.length);
  };
  return {
    kind: "websocket",
    ask: (want) => {
      // A watch on what is watched would be answered from where the server is: what was lost would stay lost.
      if (asked.has(want.channel)) say({ op: "unwatch", channel: want.channel });
      asked.add(want.channel);
      say({ op: "watch", ...want });
    },
    leave: (channel) => {
      asked.delete(channel);
      say({ op: "unwatch", channel });
    },
    say,
    close: () => {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
};

/** One stream for each channel, read by `fetch`: unlike an EventSource it can carry a token and hands over its errors. */
export const openStreams: Open = (url, token, hears) => {
  const streams = new Map<string, AbortController>();
  let ended = false;
  const close = (): void => {
    ended = true;
    for (const stream of streams.values()) stream.abort();
  };
  const lost = (): void => {
    if (ended) return;
    close();
    hears.closed();
  };
  const follow = async ({ channel, ...query }: Want, stop: AbortController): Promise<void> => {
    try {
      const answer = await fetch(addressOf(url, channel, "/stream", query), {
        headers: { accept: "text/event-stream", ...bearer(token) },
        cache: "no-store",
        signal: stop.signal,
      });
      if (!answer.ok || answer.body === null) {
        const refused = await refusal(answer, channel);
        if (refused === null) return lost();
        streams.delete(channel);
        hears.message(refused, 0);
        return answer.status === 401 ? lost() : undefined;
      }
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const lines = eventsOf((data) => {
        if (!stop.signal.aborted) hears.message(read(data, channel), data.length);
      });
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        lines(value);
      }
    } catch {
      // Cut off: the same as its end.
    }
    if (!stop.signal.aborted) lost();
  };
  queueMicrotask(() => ended || hears.opened());
  return {
    kind: "sse",
    ask: (want) => {
      streams.get(want.channel)?.abort();
      const stop = new AbortController();
      streams.set(want.channel, stop);
      void follow(want, stop);
    },
    leave: (channel) => {
      streams.get(channel)?.abort();
      streams.delete(channel);
    },
    close,
  };
};

/** Reports how the page does where there is no WebSocket to say it on; whether that was taken. */
export async function postBeat(url: string, token: string | null, beat: Beat): Promise<boolean> {
  const { ok } = await fetch(`${url}/v1/beats`, {
    method: "POST",
    headers: { "content-type": "application/json", ...bearer(token) },
    body: JSON.stringify(beat),
    signal: AbortSignal.timeout(10_000),
  });
  return ok;
}

export const POLL_MS = 2_000;

/** The snapshot again and again, unchanged ones without a body. */
export const openPolling: Open = (url, token, hears) => {
  const held = new Map<string, string | undefined>();
  let ended = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const close = (): void => {
    ended = true;
    clearTimeout(timer);
  };
  const poll = async (channel: string): Promise<void> => {
    const messages = await fetchSnapshot(url, channel, token, held.get(channel));
    if (ended || !held.has(channel)) return;
    if (messages.length === 0) {
      close();
      return hears.closed();
    }
    for (const message of messages) {
      if (message.type === "snapshot") held.set(channel, message.version);
      if (message.type === "error") held.delete(channel);
      hears.message(message, 0);
      // Another token is needed, and that of this transport is what it was opened with.
      if (isRefusal(message)) {
        close();
        return hears.closed();
      }
    }
  };
  const round = async (): Promise<void> => {
    await Promise.all([...held.keys()].map(poll));
    if (!ended) timer = setTimeout(round, POLL_MS * (0.75 + Math.random() / 2));
  };
  queueMicrotask(() => {
    if (ended) return;
    hears.opened();
    void round();
  });
  return {
    kind: "polling",
    ask: ({ channel, since, at }) => {
      if (at !== undefined) return hears.message(failure(channel, "unavailable", "Going back needs a stream."), 0);
      const known = held.has(channel);
      held.set(channel, since);
      if (known) void poll(channel);
    },
    leave: (channel) => void held.delete(channel),
    close,
  };
};

/**
 * The snapshot over HTTP and how the channel is doing; a tick where it is the version held, an error message where it is refused.
 *
 * Nothing where nobody answered or the server cannot now.
 */
export async function fetchSnapshot(url: string, channel: string, token: string | null, version?: string | null): Promise<Heard[]> {
  try {
    const answer = await fetch(addressOf(url, channel, "", {}), {
      headers: { ...bearer(token), ...(version ? { "if-none-match": `"${version}"` } : {}) },
      // A first snapshot may be a few seconds old, as a CDN's is: what came since is sent after it.
      cache: version ? "no-store" : "default",
      signal: AbortSignal.timeout(10_000),
    });
    const unchanged = answer.status === 304 && version;
    if (!unchanged && !answer.ok) {
      const refused = await refusal(answer, channel);
      return refused === null ? [] : [refused];
    }
    const message: Heard = unchanged ? { type: "tick", channel, version } : read(await answer.text(), channel);
    // A cache may keep the body and renew the header, so the header is the newer of the two.
    const status = statusOfHeader(answer.headers.get("grandstand-status"), channel);
    return message.type === "malformed" || status === null ? [message] : [message, status];
  } catch {
    return [];
  }
}

/** `paused;behind_ms=1200` (RFC 9651 section 3.3) as the message that a stream would have said. */
export function statusOfHeader(value: string | null, channel: string): Heard | null {
  const [, status, behind] = /^(\w+);behind_ms=(\d{1,15})$/.exec(value ?? "") ?? [];
  return status === undefined ? null : { type: "status", channel, status, behind_ms: Number(behind) };
}

function addressOf(url: string, channel: string, suffix: string, query: object): string {
  const params = new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])).toString();
  return `${url}/v1/channels/${channel}${suffix}${params && `?${params}`}`;
}

const bearer = (token: string | null): Record<string, string> => (token === null ? {} : { authorization: `Bearer ${token}` });

const failure = (channel: string, code: string, message: string): Heard => ({ type: "error", code, message, channel }) as Heard;

/** A problem document as the message that a WebSocket would have said; null for what may pass by itself. */
async function refusal(answer: Response, channel: string): Promise<Heard | null> {
  if (answer.status >= 500 || answer.status === 429) return null;
  const problem = (await answer.json().catch(() => null)) as { code?: string; detail?: string } | null;
  return typeof problem?.code === "string" ? failure(channel, problem.code, problem.detail ?? "") : null;
}

const EVENT_MAX = 1 << 24;

/**
 * Takes an event stream's text in whatever pieces it comes, and gives the data of each event (WHATWG HTML, 9.2.6).
 *
 * @throws RangeError for an event that does not come to an end.
 */
export function eventsOf(data: (data: string) => void): (piece: string) => void {
  let rest = "";
  let lines: string[] = [];
  let size = 0;
  return (piece) => {
    size += piece.length;
    if (size > EVENT_MAX) throw new RangeError();
    const parts = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = parts.pop()!;
    for (const line of parts)
      if (line === "") {
        if (lines.length > 0) data(lines.join("\n"));
        lines = [];
        size = 0;
      } else {
        const [field] = /^data(?:$|: ?)/.exec(line) ?? [];
        if (field !== undefined) lines.push(line.slice(field.length));
      }
  };
}

/**
 * A live connection: any number of channels over one WebSocket, resumed by version after every loss.
 *
 * The rules of PROTOCOL to the letter: a delta that does not fit makes the channel be asked for again with what is held;
 * silence longer than two ticks means that the connection is dead; back from sleep or offline it connects at once.
 */
import { JSON_SUBPROTOCOL, type ErrorMessage, type ServerMessage } from "./messages.js";
import { Backoff } from "./reconnect.js";
import { Viewer } from "./viewer.js";

export type Connection = "connecting" | "live" | "reconnecting" | "offline" | "closed";

export interface Options {
  /** Origin of the gateway, e.g. https://live.example. */
  url: string;
  /** The newest token; asked for at every connect. */
  token?: () => string | null;
  /** Called after every message that changed something; draw on the next frame, not here. */
  onChange?: (channel: string | null) => void;
  onError?: (error: ErrorMessage) => void;
  random?: () => number;
  silenceMs?: number;
}

/** A tick comes after 10 s of silence; twice that and some is dead. */
const SILENCE_MS = 25_000;
const WATCHDOG_MS = 1_000;
const CONNECT_TIMEOUT_MS = 10_000;
const ASK_AGAIN_MS = 3_000;

export class Live {
  connection: Connection = "connecting";
  retryAt = 0;
  messages = 0;
  bytes = 0;
  readonly viewers = new Map<string, Viewer>();
  readonly errors = new Map<string, ErrorMessage>();
  private readonly backoff: Backoff;
  private socket: WebSocket | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private watchdog: ReturnType<typeof setInterval> | null = null;
  private heardAt = 0;
  private beatAt = 0;

  constructor(private readonly options: Options) {
    this.backoff = new Backoff(options.random);
    if (typeof window !== "undefined") {
      window.addEventListener("online", this.wake);
      window.addEventListener("offline", this.sleep);
      document.addEventListener("visibilitychange", this.wakeIfVisible);
    }
    this.watchdog = setInterval(this.look, WATCHDOG_MS);
    this.beatAt = Date.now();
    this.connect();
  }

  watch(channel: string): Viewer {
    let viewer = this.viewers.get(channel);
    if (viewer === undefined) {
      viewer = new Viewer();
      this.viewers.set(channel, viewer);
      this.ask(channel);
    }
    return viewer;
  }

  unwatch(channel: string): void {
    if (this.viewers.delete(channel)) this.say({ op: "unwatch", channel });
    this.errors.delete(channel);
  }

  /** Connects now, whatever the back-off says. */
  readonly wake = (): void => {
    if (this.connection === "closed" || this.connection === "live") return;
    this.connect();
  };

  close(): void {
    this.set("closed");
    if (typeof window !== "undefined") {
      window.removeEventListener("online", this.wake);
      window.removeEventListener("offline", this.sleep);
      document.removeEventListener("visibilitychange", this.wakeIfVisible);
    }
    if (this.watchdog !== null) clearInterval(this.watchdog);
    if (this.retry !== null) clearTimeout(this.retry);
    this.drop();
  }

  private readonly sleep = (): void => {
    this.drop();
    this.set("offline");
  };

  private readonly wakeIfVisible = (): void => {
    if (document.visibilityState === "visible") this.wake();
  };

  /** Once a second: is the connection dead, and have timers been asleep? */
  private readonly look = (): void => {
    const now = Date.now();
    const slept = now - this.beatAt > 10 * WATCHDOG_MS;
    this.beatAt = now;
    if (this.connection === "live" && now - this.heardAt > (this.options.silenceMs ?? SILENCE_MS)) this.lost();
    else if (this.connection === "connecting" && this.socket !== null && now - this.heardAt > CONNECT_TIMEOUT_MS)
      this.lost();
    else if (slept) this.wake();
  };

  private connect(): void {
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    this.drop();
    if (typeof navigator !== "undefined" && navigator.onLine === false) {
      this.set("offline");
      return;
    }
    if (this.connection !== "connecting") this.set("reconnecting");
    const protocols = [JSON_SUBPROTOCOL];
    const token = this.options.token?.() ?? null;
    if (token !== null) protocols.push("bearer", token);
    const socket = new WebSocket(`${this.options.url.replace(/^http/, "ws")}/v1/live`, protocols);
    this.socket = socket;
    this.heardAt = Date.now();
    socket.onopen = () => {
      this.backoff.connected();
      this.heardAt = Date.now();
      this.set("live");
      for (const channel of this.viewers.keys()) this.ask(channel);
    };
    socket.onmessage = (event: MessageEvent<string>) => this.receive(event.data);
    socket.onclose = () => this.lost();
  }

  private receive(data: string): void {
    this.heardAt = Date.now();
    this.messages += 1;
    this.bytes += data.length;
    let message: ServerMessage;
    try {
      message = JSON.parse(data) as ServerMessage;
    } catch {
      this.lost();
      return;
    }
    if (message.type === "bye") {
      this.backoff.bye(message.retry_ms);
      return;
    }
    const channel = message.channel ?? null;
    if (message.type === "error") {
      if (channel !== null) {
        this.errors.set(channel, message);
        if (message.code === "unknown_channel" || message.code === "unavailable") this.askLater(channel);
      }
      this.options.onError?.(message);
      this.options.onChange?.(channel);
      return;
    }
    const viewer = channel === null ? undefined : this.viewers.get(channel);
    if (viewer === undefined || channel === null) return;
    this.errors.delete(channel);
    if (viewer.receive(message) === "resync") {
      this.say({ op: "unwatch", channel });
      this.ask(channel);
    }
    this.options.onChange?.(channel);
  }

  private ask(channel: string): void {
    const since = this.viewers.get(channel)?.version ?? null;
    this.say(since === null ? { op: "watch", channel } : { op: "watch", channel, since });
  }

  /** A match that has not begun may begin: asks again, a crowd of pages not all at once. */
  private askLater(channel: string): void {
    const random = this.options.random ?? Math.random;
    setTimeout(() => {
      if (this.errors.has(channel) && this.viewers.has(channel)) this.ask(channel);
    }, ASK_AGAIN_MS * (0.5 + random()));
  }

  private say(message: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  private lost(): void {
    if (this.connection === "closed" || this.connection === "offline") return;
    this.drop();
    const delayMs = this.backoff.nextMs();
    this.retryAt = Date.now() + delayMs;
    this.set("reconnecting");
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), delayMs);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  private set(connection: Connection): void {
    this.connection = connection;
    this.options.onChange?.(null);
  }
}

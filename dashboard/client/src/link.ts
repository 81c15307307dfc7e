/**
 * A connection that is brought back: by the best transport that gets through, after the pauses of PROTOCOL.
 *
 * A WebSocket that fails while HTTP is answered is blocked on its way: the next transport is tried, and every now and then a
 * better one again. One that fails while nothing is answered means that the server or the network is away.
 */
import { isRefusal, type Heard } from "./reading.js";
import { Backoff } from "./reconnect.js";
import { TRANSPORTS, type Connection } from "./status.js";
import { openPolling, openStreams, openWebSocket, type Open, type Transport, type Want } from "./transport.js";

export interface LinkOptions {
  url: string;
  /** The newest token; asked for at every attempt. One that cannot be had is asked for again after a pause. */
  token: () => Promise<string | null>;
  random: () => number;
  /** Silence after which the connection counts as dead: two ticks and some. */
  silenceMs: number;
  /** What is watched now, one of it; null for nothing. */
  sample: () => Want | null;
  /** Whether HTTP is answered now. */
  reachable: () => Promise<boolean>;
  /** The way to begin with, as an index of TRANSPORTS. */
  rung: number;
  opened: () => void;
  message: (message: Heard, bytes: number) => void;
  changed: (state: Pick<Connection, "word" | "transport" | "retryAt">) => void;
}

const OPENERS: readonly Open[] = [openWebSocket, openStreams, openPolling];
const WATCHDOG_MS = 1_000;
/** Timers that come this much late have been asleep. */
const SLEPT_MS = 10_000;
const OPEN_TIMEOUT_MS = 6_000;
const PROBE_MS = 20_000;
const PROBE_MAX_MS = 300_000;
/** So often must a transport fail while HTTP is answered: once may be a worker that went away. */
const BLOCKED_AFTER = 2;

export class Link {
  private readonly backoff: Backoff;
  private readonly watchdog: ReturnType<typeof setInterval>;
  private word: Connection["word"] = "connecting";
  private transport: Transport | null = null;
  private rung: number;
  private failures = 0;
  private heard = false;
  private heardAt = Date.now();
  private lookedAt = Date.now();
  private retryAt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private probeAt = 0;
  private probeMs = PROBE_MS;
  private probing: Transport | null = null;
  /** Tells an attempt that was overtaken by another. */
  private attempt = 0;

  constructor(private readonly options: LinkOptions) {
    this.backoff = new Backoff(options.random);
    this.rung = options.rung;
    if (typeof window !== "undefined") {
      addEventListener("online", this.wake);
      addEventListener("offline", this.sleep);
      document.addEventListener("visibilitychange", this.wakeIfVisible);
    }
    this.watchdog = setInterval(this.look, WATCHDOG_MS);
    void this.connect();
  }

  ask(want: Want): void {
    this.transport?.ask(want);
  }

  leave(channel: string): void {
    this.transport?.leave(channel);
  }

  /** Whether there was a way to say it. */
  say(message: object): boolean {
    return this.transport?.say?.(message) ?? false;
  }

  /** Connects now, whatever the pause. */
  readonly wake = (): void => {
    if (this.word === "reconnecting" || this.word === "offline") void this.connect();
  };

  close(): void {
    this.attempt++;
    this.set("closed");
    if (typeof window !== "undefined") {
      removeEventListener("online", this.wake);
      removeEventListener("offline", this.sleep);
      document.removeEventListener("visibilitychange", this.wakeIfVisible);
    }
    clearInterval(this.watchdog);
    this.drop();
  }

  private readonly sleep = (): void => {
    this.attempt++;
    this.drop();
    this.set("offline");
  };

  private readonly wakeIfVisible = (): void => {
    if (document.visibilityState === "visible") this.wake();
  };

  /** Once a second: is the connection dead, have timers been asleep, is it time to try a better way? */
  private readonly look = (): void => {
    const now = Date.now();
    const slept = now - this.lookedAt > SLEPT_MS;
    this.lookedAt = now;
    if (this.word === "closed" || this.word === "offline") return;
    if (this.options.sample() === null) this.heardAt = now;
    // What was sent to a machine that slept is lost more often than not.
    const patienceMs = slept ? SLEPT_MS : this.options.silenceMs;
    if (this.transport !== null && now - this.heardAt > (this.heard ? patienceMs : OPEN_TIMEOUT_MS)) this.lost(slept);
    else if (slept) this.wake();
    else if (this.word === "live" && this.rung > 0 && now >= this.probeAt) void this.probe();
  };

  private async connect(): Promise<void> {
    const attempt = ++this.attempt;
    this.drop();
    if (typeof navigator !== "undefined" && navigator.onLine === false) return this.set("offline");
    if (this.word !== "connecting") this.set("reconnecting");
    let token: string | null;
    try {
      token = await this.options.token();
    } catch {
      if (attempt === this.attempt) this.again(this.backoff.nextMs());
      return;
    }
    if (attempt !== this.attempt) return;
    this.heard = false;
    this.heardAt = Date.now();
    const transport: Transport = OPENERS[this.rung]!(this.options.url, token, {
      opened: () => this.adopt(transport, this.rung),
      message: (message, bytes) => this.receive(message, bytes),
      closed: () => this.lost(false),
    });
    this.transport = transport;
  }

  private adopt(transport: Transport, rung: number): void {
    this.drop(transport);
    this.transport = transport;
    this.rung = rung;
    this.heard = false;
    this.heardAt = Date.now();
    this.probeAt = Date.now() + this.probeMs * (0.75 + this.options.random() / 2);
    // An open socket is a sign of life; of the others the first message is.
    if (rung === 0) this.set("live");
    this.options.opened();
  }

  private receive(message: Heard, bytes: number): void {
    // What cannot be read is no sign of life: a way that carries nothing else is left for another.
    if (message.type === "malformed") return this.options.message(message, bytes);
    this.heardAt = Date.now();
    if (!this.heard && !isRefusal(message)) {
      this.heard = true;
      this.failures = 0;
      this.backoff.connected();
      if (this.word !== "live") this.set("live");
    }
    if (message.type === "bye") this.backoff.bye(message.retry_ms);
    else this.options.message(message, bytes);
  }

  private lost(atOnce: boolean): void {
    const worked = this.heard;
    this.drop();
    const attempt = ++this.attempt;
    if (worked) return this.again(atOnce ? 0 : this.backoff.nextMs());
    this.failures++;
    void this.options.reachable().then((answered) => {
      if (attempt !== this.attempt) return;
      if (!answered) this.failures = 0;
      else if (this.failures >= BLOCKED_AFTER) {
        this.failures = 0;
        this.rung = (this.rung + 1) % TRANSPORTS.length;
        return this.again(0);
      }
      this.again(this.backoff.nextMs());
    });
    this.set("reconnecting");
  }

  private again(delayMs: number): void {
    this.retryAt = Date.now() + delayMs;
    this.set("reconnecting");
    this.retry = setTimeout(() => void this.connect(), delayMs);
  }

  /** Tries the ways above this one, the best first; what is there goes on meanwhile. */
  private async probe(): Promise<void> {
    this.probeMs = Math.min(PROBE_MAX_MS, this.probeMs * 2);
    this.probeAt = Infinity;
    const from = this.attempt;
    const token = await this.options.token().catch(() => undefined);
    for (let rung = 0; token !== undefined && rung < this.rung && from === this.attempt; rung++)
      if (await this.tries(rung, token, from)) return;
    this.probeAt = Date.now() + this.probeMs;
  }

  private tries(rung: number, token: string | null, from: number): Promise<boolean> {
    return new Promise((resolve) => {
      let settled = false;
      const settle = (better: boolean): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        this.probing = null;
        if (better) {
          this.probeMs = PROBE_MS;
          this.adopt(probe, rung);
        } else probe.close();
        resolve(better);
      };
      const timer = setTimeout(() => settle(false), OPEN_TIMEOUT_MS);
      const probe: Transport = OPENERS[rung]!(this.options.url, token, {
        opened: () => rung === 0 && settle(from === this.attempt),
        message: (message, bytes) => {
          settle(message.type !== "malformed" && from === this.attempt);
          this.receive(message, bytes);
        },
        closed: () => (settled && this.transport === probe ? this.lost(false) : settle(false)),
      });
      this.probing = probe;
      const sample = this.options.sample();
      if (rung > 0 && sample !== null) probe.ask(sample);
    });
  }

  private drop(but: Transport | null = null): void {
    clearTimeout(this.retry);
    this.retryAt = 0;
    if (this.probing !== but) this.probing?.close();
    if (this.transport !== but) this.transport?.close();
    this.probing = this.transport = null;
  }

  private set(word: Connection["word"]): void {
    this.word = word;
    this.options.changed({ word, transport: word === "live" ? TRANSPORTS[this.rung]! : null, retryAt: this.retryAt });
  }
}

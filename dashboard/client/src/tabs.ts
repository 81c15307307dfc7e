/**
 * Which of a browser's tabs has the connection: the one that holds a Web Lock. The others are told over a BroadcastChannel.
 *
 * A tab that closes or dies loses the lock, and the next one takes over from the versions that it holds.
 */
import type { ServerMessage, Snapshot } from "./messages.js";
import type { Connection } from "./status.js";

type State = Pick<Connection, "word" | "transport" | "retryAt">;

/** What tabs say to each other. `to` is left out for all. */
type Note =
  | { k: "who" }
  | { k: "want"; tab: string; channel: string; held: Snapshot | null }
  | { k: "drop"; tab: string; channel: string }
  | { k: "gone"; tab: string }
  | { k: "wake" }
  | { k: "lead"; state: State }
  | { k: "state"; state: State }
  | { k: "message"; message: ServerMessage; to?: string };

export interface TabEvents {
  /** This tab has the connection from now on. */
  lead: () => void;
  /** Another tab has one, in this state. */
  led: (state: State, anew: boolean) => void;
  /** A message from the tab that has the connection. */
  message: (message: ServerMessage) => void;
  /** For the tab that has the connection: another one wants a channel, and holds this of it. */
  want: (channel: string, held: Snapshot | null, answer: (message: ServerMessage) => void) => void;
  /** No other tab wants it any more. */
  drop: (channel: string) => void;
  wake: () => void;
  state: () => State;
}

/** A tab that has said nothing for so long is gone without a word. Timers of hidden tabs come once a minute. */
const FORGOTTEN_MS = 200_000;
const REMIND_MS = 45_000;

export class Tabs {
  private readonly air: BroadcastChannel;
  private readonly id = Math.random().toString(36).slice(2);
  private readonly stop = new AbortController();
  /** Of the leader: who wants a channel, and when they last said so. */
  private readonly wanted = new Map<string, Map<string, number>>();
  private readonly timer: ReturnType<typeof setInterval>;
  private release: (() => void) | null = null;
  leading = false;

  /** Whether this browser can share at all. */
  static supported(): boolean {
    return typeof BroadcastChannel !== "undefined" && typeof navigator !== "undefined" && navigator.locks !== undefined && typeof window !== "undefined";
  }

  constructor(
    name: string,
    private readonly events: TabEvents,
    private readonly remind: () => void,
  ) {
    this.air = new BroadcastChannel(name);
    this.air.onmessage = ({ data }: MessageEvent<Note>) => this.hear(data);
    this.timer = setInterval(() => this.tidy(), REMIND_MS);
    addEventListener("pagehide", this.leave);
    navigator.locks
      .request(name, { signal: this.stop.signal }, () => {
        this.leading = true;
        events.lead();
        this.say({ k: "lead", state: events.state() });
        return new Promise<void>((resolve) => (this.release = resolve));
      })
      .catch(() => {}); // Given up before it was this tab's turn.
    this.say({ k: "who" });
  }

  want(channel: string, held: Snapshot | null): void {
    this.say({ k: "want", tab: this.id, channel, held });
  }

  drop(channel: string): void {
    this.say({ k: "drop", tab: this.id, channel });
  }

  wake(): void {
    this.say({ k: "wake" });
  }

  state(state: State): void {
    this.say({ k: "state", state });
  }

  pass(message: ServerMessage): void {
    this.say({ k: "message", message });
  }

  /** Whether another tab needs the channel. */
  needs(channel: string): boolean {
    return this.wanted.has(channel);
  }

  close(): void {
    this.leave();
    removeEventListener("pagehide", this.leave);
    clearInterval(this.timer);
    this.stop.abort();
    this.release?.();
    this.air.close();
  }

  private readonly leave = (): void => this.say({ k: "gone", tab: this.id });

  private say(note: Note): void {
    this.air.postMessage(note);
  }

  private hear(note: Note): void {
    const { events } = this;
    if (note.k === "message" || note.k === "state" || note.k === "lead") {
      if (this.leading) return;
      if (note.k !== "message") events.led(note.state, note.k === "lead");
      else if (note.to === undefined || note.to === this.id) events.message(note.message);
      return;
    }
    if (!this.leading) return;
    if (note.k === "who") this.say({ k: "lead", state: events.state() });
    else if (note.k === "wake") events.wake();
    else if (note.k === "gone") for (const channel of [...this.wanted.keys()]) this.forget(channel, note.tab);
    else if (note.k === "drop") this.forget(note.channel, note.tab);
    else {
      const tabs = this.wanted.get(note.channel) ?? new Map<string, number>();
      this.wanted.set(note.channel, tabs.set(note.tab, Date.now()));
      events.want(note.channel, note.held, (message) => this.say({ k: "message", message, to: note.tab }));
    }
  }

  private forget(channel: string, tab: string): void {
    const tabs = this.wanted.get(channel);
    if (!tabs?.delete(tab) || tabs.size > 0) return;
    this.wanted.delete(channel);
    this.events.drop(channel);
  }

  private tidy(): void {
    if (!this.leading) return this.remind();
    for (const [channel, tabs] of this.wanted)
      for (const [tab, saidAt] of tabs) if (Date.now() - saidAt > FORGOTTEN_MS) this.forget(channel, tab);
  }
}

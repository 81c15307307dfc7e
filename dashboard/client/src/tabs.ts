/**
 * Which of a browser's tabs has the connection: the one that holds a Web Lock. The others are told over a BroadcastChannel.
 *
 * A tab that closes or dies loses the lock, and the next one takes over from the versions that it holds. One that is frozen keeps
 * the lock and answers nothing: another tab takes the lock from it, and it learns of that when it goes on.
 */
import type { ServerMessage, Snapshot } from "./messages.js";
import type { Connection } from "./status.js";

type State = Pick<Connection, "word" | "transport" | "retryAt">;

/** What tabs say to each other, each with its own number (`by`). `to` is left out for all. */
type Note =
  | { k: "who" }
  | { k: "want"; channel: string; held: Snapshot | null }
  | { k: "drop"; channel: string }
  | { k: "gone" }
  | { k: "wake" }
  | { k: "lead"; state: State }
  | { k: "state"; state: State }
  | { k: "message"; message: ServerMessage; to?: string };

export interface TabEvents {
  /** This tab has the connection from now on. */
  lead: () => void;
  /** Another tab has taken the connection over from this one. */
  deposed: () => void;
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
  private stop = new AbortController();
  /** Of the leader: who wants a channel, and when they last said so. */
  private readonly wanted = new Map<string, Map<string, number>>();
  private readonly timer: ReturnType<typeof setInterval>;
  /** The tab that has the connection; one that has been frozen may not know that it has it no more. */
  private leader: string | null = null;
  private release: (() => void) | null = null;
  private closed = false;
  leading = false;

  /** Whether this browser can share at all. */
  static supported(): boolean {
    return typeof BroadcastChannel !== "undefined" && typeof navigator !== "undefined" && navigator.locks !== undefined && typeof window !== "undefined";
  }

  constructor(
    private readonly name: string,
    private readonly events: TabEvents,
    private readonly remind: () => void,
  ) {
    this.air = new BroadcastChannel(name);
    this.air.onmessage = ({ data }: MessageEvent<Note & { by: string }>) => this.hear(data);
    this.timer = setInterval(() => this.tidy(), REMIND_MS);
    addEventListener("pagehide", this.leave);
    this.queue();
    this.ask();
  }

  /** Whether there is a tab that has the connection: it says so. */
  ask(): void {
    this.say({ k: "who" });
  }

  /** Takes the connection from a tab that does not answer. */
  takeOver(): void {
    this.stop.abort();
    this.request({ steal: true });
  }

  private queue(): void {
    this.stop = new AbortController();
    this.request({ signal: this.stop.signal });
  }

  private request(options: LockOptions): void {
    let held = false;
    navigator.locks
      .request(this.name, options, () => {
        // It was this tab's turn when it had just left.
        if (this.closed) return;
        held = this.leading = true;
        this.leader = null;
        this.events.lead();
        this.say({ k: "lead", state: this.events.state() });
        return new Promise<void>((resolve) => (this.release = resolve));
      })
      .catch(() => {
        // Given up before it was this tab's turn.
        if (!held || this.closed) return;
        this.leading = false;
        this.wanted.clear();
        this.events.deposed();
        this.queue();
        this.ask();
      });
  }

  want(channel: string, held: Snapshot | null): void {
    this.say({ k: "want", channel, held });
  }

  drop(channel: string): void {
    this.say({ k: "drop", channel });
  }

  wake(): void {
    this.say({ k: "wake" });
  }

  state(state: State): void {
    if (this.leading) this.say({ k: "state", state });
  }

  pass(message: ServerMessage): void {
    if (this.leading) this.say({ k: "message", message });
  }

  /** Whether another tab needs the channel. */
  needs(channel: string): boolean {
    return this.wanted.has(channel);
  }

  close(): void {
    this.closed = true;
    this.leave();
    removeEventListener("pagehide", this.leave);
    clearInterval(this.timer);
    this.stop.abort();
    this.release?.();
    this.air.close();
  }

  private readonly leave = (): void => this.say({ k: "gone" });

  private say(note: Note): void {
    this.air.postMessage({ ...note, by: this.id });
  }

  private hear(note: Note & { by: string }): void {
    const { events } = this;
    if (note.k === "message" || note.k === "state" || note.k === "lead") {
      if (note.k === "lead") this.leader = note.by;
      this.leader ??= note.by;
      if (this.leading || note.by !== this.leader) return;
      if (note.k !== "message") events.led(note.state, note.k === "lead");
      else if (note.to === undefined || note.to === this.id) events.message(note.message);
      return;
    }
    if (!this.leading) return;
    if (note.k === "who") this.state(events.state());
    else if (note.k === "wake") events.wake();
    else if (note.k === "gone") for (const channel of [...this.wanted.keys()]) this.forget(channel, note.by);
    else if (note.k === "drop") this.forget(note.channel, note.by);
    else {
      const tabs = this.wanted.get(note.channel) ?? new Map<string, number>();
      this.wanted.set(note.channel, tabs.set(note.by, Date.now()));
      events.want(note.channel, note.held, (message) => this.say({ k: "message", message, to: note.by }));
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

/**
 * Live documents: any number of channels over one connection, shared by the tabs of a browser.
 *
 * A channel begins with its snapshot over HTTP (which a CDN may serve) and goes live from that version. The rules of PROTOCOL
 * to the letter: a delta that does not fit makes the channel be asked for again with what is held.
 */
import { Link } from "./link.js";
import type { Beat, ErrorMessage, ServerMessage, Snapshot } from "./messages.js";
import { Signal } from "./signal.js";
import { statusOf, type Connection, type Status } from "./status.js";
import { Tabs } from "./tabs.js";
import { fetchSnapshot, type Want } from "./transport.js";
import { Viewer } from "./viewer.js";

export interface Options {
  /** Origin of the gateway, e.g. https://live.example. */
  url: string;
  /** The newest token; asked for at every attempt to connect, so that an expired one is replaced. */
  token?: () => string | null | Promise<string | null>;
  /** Called after every message that changed something; draw on the next frame, not here. Null: the connection. */
  onChange?: (channel: string | null) => void;
  onError?: (error: ErrorMessage) => void;
  /** One connection for all tabs of this browser that have the same `share`; false for one of its own. */
  share?: string | false;
  /** Events kept of each channel. */
  feedEntries?: number;
  random?: () => number;
  silenceMs?: number;
}

/** A tick comes after 10 s of silence; twice that and some is dead. */
const SILENCE_MS = 25_000;
const ASK_AGAIN_MS = 3_000;

interface Rewind {
  link: Link;
  viewer: Viewer;
}

export class Live {
  readonly connection = new Signal<Connection>({ word: "connecting", transport: null, retryAt: 0, role: "alone" });
  readonly viewers = new Map<string, Viewer>();
  readonly errors = new Map<string, ErrorMessage>();
  messages = 0;
  bytes = 0;
  private link: Link | null = null;
  private tabs: Tabs | null = null;
  /** Channels of this tab; the leader's `viewers` hold others' too. */
  private readonly own = new Set<string>();
  private readonly rewinds = new Map<string, Rewind>();
  private heardAt = 0;
  private readonly watchdog: ReturnType<typeof setInterval>;
  private readonly random: () => number;

  constructor(private readonly options: Options) {
    this.random = options.random ?? Math.random;
    if (options.share !== false && Tabs.supported()) this.share(`grandstand ${options.url} ${options.share ?? ""}`);
    this.watchdog = setInterval(this.look, 1_000);
  }

  /** Follows a channel; the viewer that it gives changes in place. */
  watch(channel: string): Viewer {
    const known = this.viewers.get(channel);
    this.own.add(channel);
    if (known !== undefined) return known;
    const viewer = new Viewer(this.options.feedEntries);
    this.viewers.set(channel, viewer);
    if (this.tabs === null || this.tabs.leading) this.connect();
    void this.begin(channel, viewer);
    return viewer;
  }

  unwatch(channel: string): void {
    this.live(channel);
    this.own.delete(channel);
    if (!this.tabs?.leading || !this.tabs.needs(channel)) this.forget(channel);
  }

  /** What is to be shown of a channel: the past that is being watched, else the present. */
  view(channel: string): Viewer | undefined {
    return this.rewinds.get(channel)?.viewer ?? this.viewers.get(channel);
  }

  status(channel: string): Status {
    return statusOf(this.connection.value.word, this.view(channel)?.status ?? "live");
  }

  /**
   * Shows a channel from an earlier moment on, over a connection of its own; the present goes on behind it.
   *
   * @param at an event's id (`7-42`), a time back (`-120s`) or unix milliseconds.
   * @param speed 1 to 60.
   */
  rewind(channel: string, at: string, speed = 1): void {
    const shown = this.view(channel);
    if (shown === undefined) return;
    this.rewinds.get(channel)?.link.close();
    const viewer = new Viewer(this.options.feedEntries);
    // What is seen stays until the past is there.
    viewer.doc = shown.doc;
    viewer.status = "rewind";
    // After a loss it goes on from the entry that is shown, which the version names.
    const want = (): Want => ({ channel, at: viewer.version?.split(".")[0] ?? at, speed });
    const link = this.makeLink({
      sample: want,
      opened: () => link.ask(want()),
      changed: () => {},
      message: (message) => {
        if (message.type === "error") {
          this.errors.set(channel, message);
          this.options.onError?.(message);
          return this.live(channel);
        }
        // Caught up: the present takes over.
        if (message.type === "status" && message.status !== "rewind" && viewer.version !== null) return this.live(channel);
        if (viewer.receive(message) === "resync") link.ask(want());
        if (message.type === "snapshot") viewer.status = "rewind";
        this.options.onChange?.(channel);
      },
    });
    this.errors.delete(channel);
    this.rewinds.set(channel, { link, viewer });
    this.options.onChange?.(channel);
  }

  /** Back to live. */
  live(channel: string): void {
    const rewind = this.rewinds.get(channel);
    if (rewind === undefined) return;
    rewind.link.close();
    this.rewinds.delete(channel);
    this.options.onChange?.(channel);
  }

  /** How the page is doing; only a WebSocket takes it. */
  beat(beat: Omit<Beat, "op">): void {
    this.link?.say({ op: "beat", ...beat });
  }

  /** Connects now, whatever the pause. */
  wake(): void {
    if (this.link !== null) this.link.wake();
    else this.tabs?.wake();
  }

  close(): void {
    clearInterval(this.watchdog);
    // Other tabs are to hear that this one goes, not that the connection is closed: one of them takes it over.
    const { tabs } = this;
    this.tabs = null;
    tabs?.close();
    this.link?.close();
    for (const { link } of this.rewinds.values()) link.close();
    this.set({ word: "closed", transport: null, retryAt: 0 });
  }

  /** The snapshot over HTTP, then live from it. */
  private async begin(channel: string, viewer: Viewer): Promise<void> {
    const token = (await this.options.token?.()) ?? null;
    const message = await fetchSnapshot(this.options.url, channel, token);
    if (this.viewers.get(channel) !== viewer) return;
    viewer.begun = true;
    if (message !== null && viewer.version === null) this.receive(message);
    this.ask(channel);
  }

  private receive(message: ServerMessage): void {
    this.heardAt = Date.now();
    const channel = "channel" in message ? (message.channel ?? null) : null;
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
    const action = viewer.receive(message);
    if (action === "resync") this.ask(channel);
    else if (message.type !== "status") this.errors.delete(channel);
    this.options.onChange?.(channel);
  }

  private ask(channel: string): void {
    const viewer = this.viewers.get(channel);
    if (!viewer?.begun) return;
    const { version } = viewer;
    if (this.link !== null) this.link.ask(version === null ? { channel } : { channel, since: version });
    else this.tabs?.want(channel, this.snapshotOf(channel));
  }

  /** A match that has not begun may begin: asks again, a crowd of pages not all at once. */
  private askLater(channel: string): void {
    setTimeout(() => {
      if (this.errors.has(channel) && this.viewers.has(channel)) this.ask(channel);
    }, ASK_AGAIN_MS * (0.5 + this.random()));
  }

  private forget(channel: string): void {
    this.viewers.delete(channel);
    this.errors.delete(channel);
    if (this.link !== null) this.link.leave(channel);
    else this.tabs?.drop(channel);
  }

  private snapshotOf(channel: string): Snapshot | null {
    const viewer = this.viewers.get(channel);
    if (!viewer || viewer.version === null) return null;
    return { type: "snapshot", channel, version: viewer.version, state: viewer.doc, feed: viewer.feed.map(({ event }) => event), status: viewer.status };
  }

  private connect(): void {
    if (this.link !== null) return;
    const askAll = (): void => {
      for (const channel of this.viewers.keys()) this.ask(channel);
    };
    const link = this.makeLink({
      sample: () => {
        for (const [channel, { version }] of this.viewers) return version === null ? { channel } : { channel, since: version };
        return null;
      },
      opened: askAll,
      changed: (state) => {
        this.set(state);
        this.tabs?.state(state);
      },
      message: (message, bytes) => {
        this.messages++;
        this.bytes += bytes;
        this.tabs?.pass(message);
        this.receive(message);
      },
    });
    this.link = link;
  }

  private makeLink(parts: Pick<ConstructorParameters<typeof Link>[0], "sample" | "opened" | "changed" | "message">): Link {
    return new Link({
      ...parts,
      url: this.options.url,
      token: () => this.options.token?.() ?? null,
      random: this.random,
      silenceMs: this.options.silenceMs ?? SILENCE_MS,
      reachable: async () => {
        const sample = parts.sample();
        if (sample === null) return false;
        const token = (await this.options.token?.()) ?? null;
        const answer = await fetchSnapshot(this.options.url, sample.channel, token, sample.since);
        if (answer?.type === "error") this.receive(answer);
        return answer !== null;
      },
    });
  }

  private share(name: string): void {
    this.tabs = new Tabs(
      name,
      {
        lead: () => {
          this.role("leader");
          if (this.viewers.size > 0) this.connect();
        },
        led: (state, anew) => {
          if (this.link !== null) return;
          this.heardAt = Date.now();
          this.role("follower");
          this.set(state);
          if (anew) this.remind();
        },
        message: (message) => {
          if (this.link !== null) return;
          this.messages++;
          this.receive(message);
        },
        want: (channel, held, answer) => {
          const known = this.viewers.get(channel);
          if (known === undefined) {
            const viewer = new Viewer(this.options.feedEntries);
            viewer.begun = true;
            this.viewers.set(channel, viewer);
            if (held !== null) viewer.receive(held);
            this.connect();
            this.ask(channel);
            return;
          }
          const error = this.errors.get(channel);
          if (error !== undefined) answer(error);
          else if (known.version !== null && known.version === held?.version) answer({ type: "tick", channel, version: known.version });
          else answer(this.snapshotOf(channel) ?? { type: "status", channel, status: known.status, behind_ms: known.behindMs });
        },
        drop: (channel) => {
          if (!this.own.has(channel)) this.forget(channel);
        },
        wake: () => this.link?.wake(),
        state: () => this.connection.value,
      },
      () => this.remind(),
    );
  }

  /** Tells the tab that has the connection what this one wants. */
  private remind(): void {
    for (const channel of this.viewers.keys()) this.ask(channel);
  }

  /** A tab whose leader is silent takes a connection of its own; one whose leader waits wakes it in time. */
  private readonly look = (): void => {
    if (this.tabs === null || this.link !== null || this.viewers.size === 0) return;
    const { word, retryAt } = this.connection.value;
    const now = Date.now();
    if (this.heardAt === 0) this.heardAt = now;
    if (word === "live" || word === "connecting") {
      const patienceMs = word === "live" ? (this.options.silenceMs ?? SILENCE_MS) + 5_000 : 3_000;
      if (now - this.heardAt > patienceMs) {
        this.role("alone");
        this.connect();
      }
    } else if (retryAt > 0 && now >= retryAt) this.tabs.wake();
  };

  private role(role: Connection["role"]): void {
    this.connection.set({ ...this.connection.value, role });
  }

  private set({ word, transport, retryAt }: Pick<Connection, "word" | "transport" | "retryAt">): void {
    this.connection.set({ word, transport, retryAt, role: this.connection.value.role });
    this.options.onChange?.(null);
  }
}

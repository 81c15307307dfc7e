/**
 * Live documents: any number of channels over one connection, shared by the tabs of a browser.
 *
 * A channel begins with its snapshot over HTTP (which a CDN may serve) and goes live from that version. The rules of PROTOCOL
 * to the letter: a delta that does not fit makes the channel be asked for again with what is held.
 */
import { Link } from "./link.js";
import type { Beat, ErrorMessage, Snapshot } from "./messages.js";
import { isRefusal, type Heard, type Malformed } from "./reading.js";
import { Signal } from "./signal.js";
import { statusOf, TRANSPORTS, type Connection, type Status } from "./status.js";
import { Tabs } from "./tabs.js";
import { fetchSnapshot, postBeat, type Want } from "./transport.js";
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
/** A leader that has said nothing for so long is asked, and has so long (at least) to answer. */
const LEADER_QUIET_MS = 4_000;
const LEADER_ANSWERS_MS = 3_000;
/** What was asked for again because of what came is not asked for once more within this. */
const RESYNC_MS = 5_000;

const wantOf = (channel: string, { since }: Viewer): Want => (since === null ? { channel } : { channel, since });

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
  /** Messages that are none of the protocol's. */
  malformed = 0;
  /** Times that a message of a version which does not follow on the one held made this ask again. */
  resyncs = 0;
  private link: Link | null = null;
  private tabs: Tabs | null = null;
  /** Channels of this tab; the leader's `viewers` hold others' too. */
  private readonly own = new Set<string>();
  private readonly rewinds = new Map<string, Rewind>();
  /** The way that worked last. */
  private rung = 0;
  private heardAt = 0;
  /** When this tab has asked whether there is still a leader. */
  private questionAt = 0;
  /** Tabs do not all lose patience at once. */
  private readonly patience = Math.random();
  /** What the last beat has told of `malformed` and `resyncs`. */
  private told = { malformed: 0, resyncs: 0 };
  private readonly watchdog: ReturnType<typeof setInterval>;
  private readonly random: () => number;

  constructor(private readonly options: Options) {
    this.random = options.random ?? Math.random;
    this.share(options.share);
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
        if (message.type === "malformed") this.malformed++;
        if (this.isOdd(viewer, message)) link.ask(want());
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

  /** How the page is doing, with what this client has counted since: on this tab's WebSocket, else by a request of its own. Whether it was told. */
  async beat(beat: Omit<Beat, "op" | "malformed" | "resyncs">): Promise<boolean> {
    const { malformed, resyncs } = this;
    const message: Beat = { op: "beat", ...beat, malformed: malformed - this.told.malformed, resyncs: resyncs - this.told.resyncs };
    try {
      const told = this.link?.say(message) || (await postBeat(this.options.url, (await this.options.token?.()) ?? null, message));
      if (told) this.told = { malformed, resyncs };
      return told;
    } catch {
      // What was counted is told the next time.
      return false;
    }
  }

  /** Connects now, whatever the pause. */
  wake(): void {
    if (this.link !== null) this.link.wake();
    else this.tabs?.wake();
  }

  /**
   * Connects anew: `token` gives another one now.
   *
   * @param share tabs that have this one; by default those as before.
   */
  renew(share: string | false | undefined = this.options.share): void {
    const { tabs, link } = this;
    this.link = null;
    link?.close();
    this.share(share);
    tabs?.close();
    for (const channel of this.viewers.keys()) if (!this.own.has(channel)) this.forget(channel);
    this.heardAt = Date.now();
    this.set({ word: "connecting", transport: null, retryAt: 0 });
    if (this.tabs === null && this.viewers.size > 0) this.connect();
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
    const messages = await this.fetch(channel);
    if (this.viewers.get(channel) !== viewer) return;
    viewer.begun = true;
    if (viewer.version === null) for (const message of messages) this.receive(message);
    this.ask(channel);
  }

  /** The snapshot as this client may see it; nothing where there is no token for it either. */
  private async fetch(channel: string, since?: string): Promise<Heard[]> {
    try {
      return await fetchSnapshot(this.options.url, channel, await this.token(), since);
    } catch {
      // Told where it happened.
      return [];
    }
  }

  /** The token to connect with. Where its source fails, every channel is told so, and it is asked again after a pause. */
  private async token(): Promise<string | null> {
    try {
      return (await this.options.token?.()) ?? null;
    } catch (error) {
      for (const channel of this.viewers.keys()) this.receive({ type: "error", code: "unauthorized", message: "no token could be had", channel });
      throw error;
    }
  }

  private receive(message: Heard): void {
    if (message.type === "malformed") return this.puzzled(message);
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
    if (this.isOdd(viewer, message)) this.ask(channel);
    else if (message.type !== "status") this.errors.delete(channel);
    this.options.onChange?.(channel);
  }

  /** What cannot be read may have been about any channel, if it names none: what is held of it is not gone on from. */
  private puzzled(message: Malformed): void {
    this.malformed++;
    for (const [channel, viewer] of this.viewers) {
      if (message.channel !== null && message.channel !== channel) continue;
      if (this.isOdd(viewer, message)) this.ask(channel);
    }
    this.options.onChange?.(message.channel);
  }

  /** Takes a message; whether the channel is to be asked for again because of it. One question at a time, whatever comes. */
  private isOdd(viewer: Viewer, message: Heard): boolean {
    const action = viewer.receive(message);
    if (action !== "resync" && action !== "malformed") return false;
    const now = Date.now();
    if (now - viewer.askedAt < RESYNC_MS) return false;
    viewer.askedAt = now;
    if (action === "resync") this.resyncs++;
    return true;
  }

  private ask(channel: string): void {
    const viewer = this.viewers.get(channel);
    if (!viewer?.begun) return;
    if (this.link !== null) this.link.ask(wantOf(channel, viewer));
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
      // A connection on which nothing was asked yet is not dead because nothing comes.
      sample: () => this.sample(true),
      opened: askAll,
      changed: (state) => {
        // Another connection takes its place, this tab's or that of another tab; or all is closed, which is said once.
        if (state.word === "closed") return;
        if (state.transport !== null) this.rung = TRANSPORTS.indexOf(state.transport);
        this.set(state);
        this.tabs?.state(state);
      },
      message: (message, bytes) => {
        this.messages++;
        this.bytes += bytes;
        if (message.type !== "malformed") this.tabs?.pass(message);
        this.receive(message);
      },
    });
    this.link = link;
  }

  private sample(begun?: boolean): Want | null {
    for (const [channel, viewer] of this.viewers) if (!begun || viewer.begun) return wantOf(channel, viewer);
    return null;
  }

  private makeLink(parts: Pick<ConstructorParameters<typeof Link>[0], "sample" | "opened" | "changed" | "message">): Link {
    return new Link({
      ...parts,
      url: this.options.url,
      rung: this.rung,
      token: () => this.token(),
      random: this.random,
      silenceMs: this.options.silenceMs ?? SILENCE_MS,
      reachable: async () => {
        const sample = parts.sample() ?? this.sample();
        const [answer] = sample ? await this.fetch(sample.channel, sample.since) : ([] as Heard[]);
        if (answer?.type !== "error") return answer !== undefined;
        this.receive(answer);
        // Whoever is not let in is so by any way: none of them is blocked.
        return !isRefusal(answer);
      },
    });
  }

  private share(name: string | false = ""): void {
    this.tabs = null;
    if (name === false || !Tabs.supported()) return;
    this.tabs = new Tabs(
      `grandstand ${this.options.url} ${name}`,
      {
        lead: () => {
          this.role("leader");
          if (this.viewers.size > 0) this.connect();
        },
        deposed: () => {
          const { link } = this;
          this.link = null;
          link?.close();
          for (const channel of this.viewers.keys()) if (!this.own.has(channel)) this.forget(channel);
          this.heardAt = Date.now();
          this.remind();
        },
        led: (state, anew) => {
          this.heardAt = Date.now();
          this.role("follower");
          this.set(state);
          if (anew) this.remind();
        },
        message: (message) => {
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

  /** A tab whose leader is silent asks it, and takes its place if that is not answered; one whose leader waits wakes it in time. */
  private readonly look = (): void => {
    if (this.tabs === null || this.tabs.leading || this.viewers.size === 0) return;
    const { retryAt } = this.connection.value;
    const now = Date.now();
    if (this.heardAt === 0) this.heardAt = now;
    if (retryAt > 0 && now >= retryAt) this.tabs.wake();
    if (now - this.heardAt < LEADER_QUIET_MS) return;
    // Timers of hidden tabs are late: what counts is how long the question has been open.
    if (this.questionAt < this.heardAt) {
      this.questionAt = now;
      this.tabs.ask();
    } else if (now - this.questionAt > LEADER_ANSWERS_MS * (1 + this.patience)) {
      this.heardAt = now;
      this.tabs.takeOver();
    }
  };

  private role(role: Connection["role"]): void {
    this.connection.set({ ...this.connection.value, role });
  }

  private set({ word, transport, retryAt }: Pick<Connection, "word" | "transport" | "retryAt">): void {
    this.connection.set({ word, transport, retryAt, role: this.connection.value.role });
    this.options.onChange?.(null);
  }
}

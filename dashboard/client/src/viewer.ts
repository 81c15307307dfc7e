/** The rules of a viewer, without IO: which message is applied, which is a duplicate, and when to ask again. */
import type { JsonObject } from "./messages.js";
import { merge } from "./patch.js";
import type { Heard } from "./reading.js";

/** `resync`: ask again from the version held. `malformed`: ask for a snapshot. */
export type Action = "applied" | "duplicate" | "resync" | "noted" | "malformed";

export class Viewer {
  doc: JsonObject = {};
  version: string | null = null;
  status = "live";
  behindMs = 0;
  skipped = 0;
  /** Whether its first snapshot has been asked for over HTTP. */
  begun = false;
  /** What was held is not to be gone on from: something that cannot be read came after it. */
  anew = false;
  /** When it was asked for again because of what came; 0 once that was answered. Unix ms. */
  askedAt = 0;
  /** Events since the beginning, so that each has a lasting number. */
  seen = 0;
  feed: { key: number; event: JsonObject }[] = [];

  constructor(private readonly feedEntries = 100) {}

  /** The version to go on from, as it is asked for; null for a snapshot. */
  get since(): string | null {
    return this.anew ? null : this.version;
  }

  receive(message: Heard): Action {
    const action = this.take(message);
    if (action === "malformed") this.anew = true;
    else if (action === "applied" || (action === "noted" && message.type === "tick")) {
      this.anew = false;
      this.askedAt = 0;
    }
    return action;
  }

  private take(message: Heard): Action {
    switch (message.type) {
      case "snapshot":
        this.doc = message.state;
        this.version = message.version;
        this.status = message.status;
        this.replay(message.feed);
        return "applied";
      case "delta":
        if (this.version === null || message.from !== this.version)
          return message.version === this.version ? "duplicate" : "resync";
        this.doc = merge(this.doc, message.patch) as JsonObject;
        this.version = message.version;
        this.skipped += message.skipped ?? 0;
        this.push(message.events ?? []);
        return "applied";
      case "tick":
        return message.version === this.version ? "noted" : "resync";
      case "status":
        this.status = message.status;
        this.behindMs = message.behind_ms;
        return "noted";
      case "malformed":
        return "malformed";
      default:
        return "noted";
    }
  }

  /** The events of a snapshot; those that are here already keep their numbers, so that a list of them does not jump. */
  private replay(events: JsonObject[]): void {
    const known = this.feed.map(({ event }) => JSON.stringify(event));
    const given = events.map((event) => JSON.stringify(event));
    const from = known.findIndex((_, i) => known.length - i <= given.length && known.slice(i).every((event, k) => event === given[k]));
    if (from < 0) this.feed = [];
    this.push(from < 0 ? events : events.slice(known.length - from));
  }

  private push(events: JsonObject[]): void {
    if (events.length === 0) return;
    const added = events.map((event) => ({ key: this.seen++, event }));
    this.feed = [...this.feed, ...added].slice(-this.feedEntries);
  }
}

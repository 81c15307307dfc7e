/** What the chart shows: the first team's lead over the match's time, gathered while the match is watched. Pure. */
import type { JsonObject } from "../../client/src/index.js";
import { isObject, number, teamsOf, text } from "./document.js";
import type { GameView } from "./games/index.js";

const POINTS = 1_200;
/** Momentum halves in this time of the match. */
const HALF_LIFE_MS = 45_000;

export class Series {
  readonly minutes: number[] = [];
  readonly values: number[] = [];
  private seenKey = -1;
  private force = 0;
  private atMs = -Infinity;

  constructor(private readonly game: GameView) {}

  /** Takes the document and the feed as they are now; says whether the series has changed. */
  add(doc: JsonObject, feed: readonly { key: number; event: JsonObject }[]): boolean {
    const atMs = isObject(doc.clock) ? number(doc.clock.t_ms) : null;
    if (atMs === null) return false;
    if (atMs < this.atMs) this.reset();
    const sinceMs = Number.isFinite(this.atMs) ? atMs - this.atMs : 0;
    const value = this.game.leadOf === null ? this.pushed(doc, feed, sinceMs) : this.game.leadOf(doc);
    this.atMs = atMs;
    if (value === null) return false;
    const minute = atMs / 60_000;
    if (this.minutes.at(-1) === minute) {
      if (this.values.at(-1) === value) return false;
      this.values[this.values.length - 1] = value;
      return true;
    }
    this.minutes.push(minute);
    this.values.push(value);
    if (this.minutes.length > POINTS) this.thin();
    return true;
  }

  private pushed(doc: JsonObject, feed: readonly { key: number; event: JsonObject }[], sinceMs: number): number {
    const [home] = teamsOf(doc);
    this.force *= 0.5 ** (sinceMs / HALF_LIFE_MS);
    for (const { key, event } of feed) {
      if (key <= this.seenKey) continue;
      const weight = this.game.weight(event);
      this.force += text(event.team) === home?.id ? weight : -weight;
    }
    this.seenKey = feed.at(-1)?.key ?? this.seenKey;
    return Math.round(this.force * 10) / 10;
  }

  /** A long match keeps its shape with half the points. */
  private thin(): void {
    for (const list of [this.minutes, this.values]) {
      const kept = list.filter((_, i) => i % 2 === 0 || i === list.length - 1);
      list.length = 0;
      list.push(...kept);
    }
  }

  private reset(): void {
    this.minutes.length = this.values.length = 0;
    this.force = 0;
  }
}

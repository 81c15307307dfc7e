/** How often a moving picture is drawn: sixty times a second, and less often where the page would miss frames for it. Pure. */
import { framesOf } from "../perf/samples.js";

/** Milliseconds between two pictures, the best first. */
export const STEPS_MS = [1000 / 60, 1000 / 30, 1000 / 15] as const;
/** So many frames are looked at before anything is decided. */
const LOOK = 60;
/** More missed frames than this share are too many. */
const MISSED = 0.08;
/** Looks without a missed frame before more is tried; twice as many after each attempt that failed. */
const CALM = 5;
const CALM_MAX = 40;
/** A pause of this length is no slow frame: the tab was hidden, or the machine asleep. */
const PAUSE_MS = 250;

export class Pace {
  private step = 0;
  private times: number[] = [];
  private usualMs = Infinity;
  private calm = 0;
  private wanted = CALM;
  /** More has been tried, and not borne out yet. */
  private tried = false;
  private drawnAt = -Infinity;

  /** Whether a picture is to be drawn in the frame of this time; asked once in every frame. */
  due(now: number): boolean {
    const last = this.times.at(-1);
    if (last !== undefined && now - last > PAUSE_MS) this.times = [];
    this.times.push(now);
    if (this.times.length > LOOK) this.look();
    // Frames come at whole multiples of the screen's interval, a little early or late.
    if (now - this.drawnAt < STEPS_MS[this.step]! * 0.9) return false;
    this.drawnAt = now;
    return true;
  }

  /** Milliseconds between two pictures now. */
  get everyMs(): number {
    return STEPS_MS[this.step]!;
  }

  private look(): void {
    const frames = framesOf(this.times, this.usualMs)!;
    this.usualMs = frames.usualMs;
    this.times = this.times.slice(-1);
    if (frames.dropped > LOOK * MISSED) {
      if (this.tried) this.wanted = Math.min(CALM_MAX, this.wanted * 2);
      this.step = Math.min(this.step + 1, STEPS_MS.length - 1);
      this.tried = false;
      this.calm = 0;
    } else if (frames.dropped > 0) this.calm = 0;
    else {
      this.tried = false;
      if (this.step === 0 || ++this.calm < this.wanted) return;
      this.step--;
      this.tried = true;
      this.calm = 0;
    }
  }
}

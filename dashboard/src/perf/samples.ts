/** Measurements kept within bounds: a fair sample of many, frames that were missed, and figures in classes. Pure. */

/** A random sample of all that was offered since it was taken last (reservoir sampling, algorithm R). */
export class Reservoir {
  private kept: number[] = [];
  private offered = 0;

  constructor(
    private readonly most: number,
    private readonly random: () => number = Math.random,
  ) {}

  offer(value: number): void {
    this.offered += 1;
    if (this.kept.length < this.most) this.kept.push(value);
    else {
      const at = Math.floor(this.random() * this.offered);
      if (at < this.most) this.kept[at] = value;
    }
  }

  take(): number[] {
    const kept = this.kept;
    this.kept = [];
    this.offered = 0;
    return kept;
  }
}

export interface Frames {
  fps: number;
  dropped: number;
  /** The screen's interval. */
  usualMs: number;
}

/**
 * Frames a second and those that were missed, of the times at which frames began.
 *
 * A screen's interval is taken to be the shortest usual one: the 20th percentile of those seen, or the one known before if that is
 * shorter. Null with fewer than ten frames.
 */
export function framesOf(times: readonly number[], knownMs = Infinity): Frames | null {
  if (times.length < 10) return null;
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const usualMs = Math.min(knownMs, Math.max(1, [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 5)]!));
  const span = times.at(-1)! - times[0]!;
  return { fps: (gaps.length * 1000) / span, dropped: gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / usualMs) - 1), 0), usualMs };
}

export const CLASSES_MS = [8, 16, 33, 50, 100, 200, 500] as const;

/** How many values are in each class; the last one is what lies beyond. */
export function classesOf(values: readonly number[]): number[] {
  const counts = new Array<number>(CLASSES_MS.length + 1).fill(0);
  for (const value of values) {
    const at = CLASSES_MS.findIndex((bound) => value <= bound);
    counts[at < 0 ? CLASSES_MS.length : at]! += 1;
  }
  return counts;
}

/** The value below which a part of the values lie; null of none. */
export function percentile(values: readonly number[], part: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}

/** Which kind of browser this is, of four: nothing finer leaves the page. */
export function browserOf(agent: string): "chromium" | "firefox" | "safari" | "other" {
  if (/\bFirefox\//.test(agent)) return "firefox";
  if (/Chrom(e|ium)\//.test(agent)) return "chromium";
  return /\bSafari\//.test(agent) && /\bVersion\//.test(agent) ? "safari" : "other";
}

/** The country that came with the page's document, where operators count by it; two letters or nothing. */
export function countryOf(timings: readonly { name: string; description: string }[]): string | null {
  const told = timings.find(({ name }) => name === "country")?.description ?? "";
  return /^[A-Z]{2}$/.test(told) ? told : null;
}

/** A clock between the messages that tell it: it goes on as fast as it has gone, never far, and not back for a little. Pure. */

/** A match server tells its clock at least every 5 s (docs/protocol.md); without a word for longer it stands. */
const AHEAD_MS = 6_000;
/** Milliseconds of the match a millisecond: a recording or the past may be played faster. Other than these is a leap. */
const [SLOWEST, FASTEST] = [0.25, 64];
/** Two words further apart say nothing of how fast it goes. */
const APART_MS = 12_000;
/** A clock that was drawn ahead by less waits until it is right; by more it was set back. */
const BACK_MS = 2_500;

export class Ticking {
  private told: { ms: number; at: number; goes: boolean } | null = null;
  private rate = 1;
  private shown = -Infinity;
  /** What was read last, and from which word. */
  private last: { ms: number; from: number } | null = null;

  /**
   * Milliseconds of the match to show, and those of this machine until another second is to be shown; null while it stands.
   *
   * @param ms what is known of the clock.
   * @param stands the picture does, stopped or cut off: it stays where it has gone to, and goes on from where it would be.
   */
  read(ms: number, goes: boolean, stands: boolean, now: number): { ms: number; next: number | null } {
    if (stands && this.last?.from === ms) return { ms: this.last.ms, next: null };
    this.tell(ms, goes && !stands, now);
    this.last = { ms: this.at(now), from: ms };
    return { ms: this.last.ms, next: this.next(now) };
  }

  /** What is known of the clock at a moment of this machine; the same once more says nothing new. */
  tell(ms: number, goes: boolean, at: number): void {
    const before = this.told;
    if (before?.ms === ms && before.goes === goes) return;
    if (before?.goes && goes) {
      const rate = (ms - before.ms) / (at - before.at);
      if (at - before.at < APART_MS && rate >= SLOWEST && rate <= FASTEST) this.rate += (rate - this.rate) / 2;
    }
    if (!goes || this.shown - ms > BACK_MS * this.rate) this.shown = ms;
    this.told = { ms, at, goes };
  }

  /** Milliseconds of the match to show at a moment. */
  at(now: number): number {
    if (this.told === null) return 0;
    const { ms, at, goes } = this.told;
    if (!goes) return ms;
    this.shown = Math.max(this.shown, ms + Math.min(AHEAD_MS, now - at) * this.rate);
    return this.shown;
  }

  /** Milliseconds until another second is to be shown; null while it stands. */
  next(now: number): number | null {
    if (this.told === null || !this.told.goes || now - this.told.at >= AHEAD_MS) return null;
    return (1_000 - (((this.at(now) % 1_000) + 1_000) % 1_000)) / this.rate;
  }
}

/** Channels whose picture a viewer has stopped, and how much waits for each. Pure. */

/** What tells one picture of a channel from the next. */
interface Pictured {
  version: string | null;
}

interface Kept {
  source: object;
  version: string | null;
  waiting: number;
}

export class Held {
  private readonly channels = new Map<string, Kept>();

  hold(channel: string, viewer: Pictured): void {
    this.channels.set(channel, { source: viewer, version: viewer.version, waiting: 0 });
  }

  release(channel: string): void {
    this.channels.delete(channel);
  }

  /**
   * Something has come for a channel: whether its picture stays as it is. A step into the past or back, which is another viewer, ends
   * the stop: who asked for it wants to see it.
   */
  keeps(channel: string, viewer: Pictured | undefined): boolean {
    const kept = this.channels.get(channel);
    if (kept === undefined) return false;
    if (viewer !== kept.source) {
      this.channels.delete(channel);
      return false;
    }
    if (viewer.version !== kept.version) kept.waiting++;
    kept.version = viewer.version;
    return true;
  }

  has(channel: string): boolean {
    return this.channels.has(channel);
  }

  /** How many versions wait, by channel. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.channels].map(([channel, { waiting }]) => [channel, waiting]));
  }
}

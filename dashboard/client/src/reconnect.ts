/** When to connect again: 1, 2, 4 … 30 s with full jitter, or what the server's `bye` asked for. */
/** A server that asks for more time is asked again after this. */
const ASKED_MAX_MS = 600_000;

export class Backoff {
  private attempt = 0;
  private asked: [number, number] | null = null;

  constructor(private readonly random: () => number = Math.random) {}

  connected(): void {
    this.attempt = 0;
    this.asked = null;
  }

  bye(retryMs: [number, number]): void {
    const [low, high] = retryMs.map((ms) => Math.min(ASKED_MAX_MS, Math.max(0, ms)));
    this.asked = [low!, high!];
  }

  nextMs(): number {
    if (this.asked !== null) {
      const [low, high] = this.asked;
      this.asked = null;
      return low + Math.floor(this.random() * Math.max(0, high - low));
    }
    const ceiling = Math.min(30_000, 1_000 * 2 ** Math.min(this.attempt, 16));
    this.attempt += 1;
    return Math.floor(this.random() * ceiling);
  }
}

/** One value that can be read at any time and followed. */
export class Signal<T> {
  private readonly followers = new Set<(value: T) => void>();

  constructor(public value: T) {}

  set(value: T): void {
    this.value = value;
    for (const follower of this.followers) follower(value);
  }

  /** Calls `follower` at every change; the result ends it. */
  follow(follower: (value: T) => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}

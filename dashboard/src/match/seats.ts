/** Which element shows which row of a list that is seen in part. Pure. */
export type Key = string | number | bigint;

/**
 * Rows that stay keep their elements, and new ones get new elements: a list that moves by a row moves them. Where most rows are others
 * than before (a crowd of events, a leap), the elements stay where they are and show the new rows: to write a text is cheaper than to
 * make its element.
 */
export class Seats {
  private seats = new Map<Key, number>();
  private next = 0;

  /** The seats of these rows, in their order. */
  of(keys: readonly Key[]): readonly number[] {
    const before = [...this.seats.values()];
    const stay = keys.filter((key) => this.seats.has(key)).length;
    const seats = 2 * stay < keys.length ? keys.map((_, i) => before[i] ?? this.next++) : keys.map((key) => this.seats.get(key) ?? this.next++);
    this.seats = new Map(keys.map((key, i) => [key, seats[i]!]));
    return seats;
  }
}

/** Where the feed of a page ends and the history's pages begin: the feed's events have no numbers of their own there. Pure. */
import type { JsonObject } from "../../client/src/index.js";

/** So many of the feed's oldest events are looked at to find its end in the history. */
const COMPARED = 20;

/**
 * The events of the history that are older than the feed, newest first.
 *
 * @param feed oldest first, as viewers hold it; conflation may have left out some.
 * @param history newest first, without a gap from where the feed is or before it.
 */
export function olderThan<T extends { event: JsonObject }>(feed: readonly JsonObject[], history: readonly T[]): readonly T[] {
  const oldest = feed.slice(0, COMPARED).map((event) => JSON.stringify(event));
  if (oldest.length === 0) return history;
  const texts = history.map(({ event }) => JSON.stringify(event));
  let end = -1;
  let most = 0;
  for (const [i, text] of texts.entries()) {
    if (text !== oldest[0]) continue;
    // The same event may have happened before; the one that the feed begins with has its followers around it.
    const around = texts.slice(Math.max(0, i - COMPARED - 5), i + 1).reverse();
    let [matched, from] = [0, 0];
    for (const wanted of oldest) {
      const place = around.indexOf(wanted, from);
      if (place < 0) continue;
      matched++;
      from = place + 1;
    }
    if (matched > most) [end, most] = [i, matched];
  }
  return history.slice(end + 1);
}

/** The cursor that includes the entry at which a version stands. */
export function cursorAfter(version: string): string {
  const [epoch, seq] = version.split(".")[0]!.split("-");
  return `${epoch}-${Number(seq) + 1}`;
}

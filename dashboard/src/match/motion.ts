/** Where something is at a moment, from the places that came: drawn a little behind, never guessed ahead. Pure. */
export type Place = readonly [number, number];

/** Behind the newest place by more than one step of 10 Hz, so that there is nearly always a place to go to. */
export const BEHIND_MS = 130;
/** A pause longer than this is a stand, not a slow move. */
const STAND_MS = 250;
const KEPT = 8;

export class Track {
  private readonly places: { at: number; place: Place; jump: boolean }[] = [];

  /** A new place; one that is further than `leap` from the last is jumped to. */
  add(place: Place, at: number, leap: number): void {
    const last = this.places.at(-1);
    if (last && last.place[0] === place[0] && last.place[1] === place[1]) return;
    const jump = !last || Math.hypot(place[0] - last.place[0], place[1] - last.place[1]) > leap;
    if (last && !jump && at - last.at > STAND_MS) this.places.push({ at: at - STAND_MS / 2, place: last.place, jump: false });
    this.places.push({ at, place, jump });
    if (this.places.length > KEPT) this.places.splice(0, this.places.length - KEPT);
  }

  at(moment: number): Place {
    let before = this.places[0]!;
    for (const after of this.places) {
      if (after.at > moment) {
        if (after === before || after.jump) return before.place;
        const share = (moment - before.at) / (after.at - before.at);
        return [before.place[0] + (after.place[0] - before.place[0]) * share, before.place[1] + (after.place[1] - before.place[1]) * share];
      }
      before = after;
    }
    return before.place;
  }

  /** When it last moved. */
  get movedAt(): number {
    return this.places.at(-1)!.at;
  }
}

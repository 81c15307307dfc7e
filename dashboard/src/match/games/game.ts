/** What a game adds to the one match page: which figures count, what matters, what its ground looks like. */
import type { JsonObject } from "../../../client/src/index.js";
import type { Ground } from "../ground.js";
import type { Figure } from "../words.js";

export interface GameView {
  name: string;
  /** Columns of the players' table, the most telling first. */
  columns: readonly Figure[];
  /** Figures of the teams, side by side. */
  compared: readonly Figure[];
  /** Sums of the players' figures that stand for their team where the team has none of its own. */
  summed: readonly Figure[];
  /** Ops that are told in bold, read aloud, and kept by the filter. */
  important: ReadonlySet<string>;
  /** Ops that say nothing to a reader. */
  silent: ReadonlySet<string>;
  /** The ground on which positions are drawn; null where the game has no place. */
  ground: Ground | null;
  /** Name of what the chart shows. */
  lead: Figure;
  /** The first team's lead as the document says it; null where it only shows in what happens. */
  leadOf: ((doc: JsonObject) => number | null) | null;
  /** How much an event of a team says of who is stronger, for games whose document does not. */
  weight: (event: JsonObject) => number;
  /** Ops that a page which is opened late asks the history for: what has weight, and marks that no part of the document keeps. */
  told: readonly string[];
  /** A moment of the match as people who watch the game say it, of its clock. */
  when: (clock: JsonObject) => string;
  /** What is said of a player beside the name: hero, role. */
  note: (player: JsonObject) => string;
}

/** What lies under the players: drawn once for each size and colour scheme. */
import type { JsonObject } from "../../client/src/index.js";
import { isObject, placeOf, text } from "./document.js";

/** Turns a place of the game into a place on the canvas. */
export type Project = (x: number, y: number) => [number, number];

export interface Brush {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  /** One CSS pixel. */
  px: number;
  colour: (name: string) => string;
  project: Project;
}

export interface Ground {
  paint: (brush: Brush) => void;
  /** What of the document lies on the ground and changes seldom: wards, gates. */
  marks?: (doc: JsonObject, brush: Brush, side: (team: string) => string) => void;
  /** The parts of the document that `marks` looks at: while they are the same, nothing is painted anew. */
  marked?: (doc: JsonObject) => readonly unknown[];
  /** Whether players carry their names. */
  named: boolean;
  /** Whether a place is only known from what happened there. */
  fades?: boolean;
}

const figuresOf = (doc: JsonObject): JsonObject => (isObject(doc.figures) ? doc.figures : {});

function fill({ context, width, height, colour }: Brush, name: string): void {
  context.fillStyle = colour(name);
  context.fillRect(0, 0, width, height);
}

function lines({ context, colour, px }: Brush): void {
  context.strokeStyle = colour("--pitch-line");
  context.lineWidth = 1.5 * px;
}

export const plain: Ground = { paint: (brush) => fill(brush, "--raised"), named: true };

export const pitch: Ground = {
  named: true,
  fades: true,
  paint: (brush) => {
    const { context, width, height } = brush;
    fill(brush, "--pitch");
    lines(brush);
    const inset = 0.02 * width;
    const [w, h] = [width - 2 * inset, height - 2 * inset];
    context.strokeRect(inset, inset, w, h);
    context.beginPath();
    context.moveTo(width / 2, inset);
    context.lineTo(width / 2, height - inset);
    context.moveTo(width / 2 + 0.087 * w, height / 2);
    context.arc(width / 2, height / 2, 0.087 * w, 0, 2 * Math.PI);
    context.stroke();
    for (const left of [true, false]) {
      const box = (long: number, wide: number): void => context.strokeRect(left ? inset : width - inset - long * w, (height - wide * h) / 2, long * w, wide * h);
      box(0.157, 0.593);
      box(0.052, 0.27);
    }
  },
};

export const stadium: Ground = {
  named: true,
  paint: (brush) => {
    const { context, width, height, px, colour } = brush;
    fill(brush, "--pitch");
    lines(brush);
    const cut = 0.11 * height;
    const inset = 3 * px;
    context.beginPath();
    for (const [x, y] of [[cut, inset], [width - cut, inset], [width - inset, cut], [width - inset, height - cut], [width - cut, height - inset], [cut, height - inset], [inset, height - cut], [inset, cut]] as const) context.lineTo(x, y);
    context.closePath();
    context.moveTo(width / 2, inset);
    context.lineTo(width / 2, height - inset);
    context.moveTo(width / 2 + 0.12 * height, height / 2);
    context.arc(width / 2, height / 2, 0.12 * height, 0, 2 * Math.PI);
    context.stroke();
    for (const [x, name] of [[inset, "--chart-0"], [width - inset, "--chart-1"]] as const) {
      context.strokeStyle = colour(name);
      context.lineWidth = 5 * px;
      context.beginPath();
      context.moveTo(x, height / 2 - 0.11 * height);
      context.lineTo(x, height / 2 + 0.11 * height);
      context.stroke();
    }
  },
};

export const gates: Ground = {
  named: true,
  paint: (brush) => fill(brush, "--pitch"),
  marked: (doc) => [figuresOf(doc).points, doc.objectives],
  marks: (doc, { context, height, project, px, colour }, side) => {
    const figures = figuresOf(doc);
    if (!isObject(figures.points)) return;
    const radius = Math.min(26 * px, 0.08 * height);
    const owners = new Map<string, string>();
    if (isObject(doc.objectives))
      for (const row of Object.values(doc.objectives)) if (isObject(row)) owners.set(text(row.name), text(row.team));
    context.textAlign = "center";
    for (const point of Object.values(figures.points)) {
      const at = isObject(point) ? placeOf(point.pos) : null;
      if (at === null || !isObject(point)) continue;
      const [x, y] = project(...at);
      const owner = owners.get(text(point.name));
      context.strokeStyle = owner ? side(owner) : colour("--pitch-line");
      context.lineWidth = (owner ? 3 : 1.5) * px;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.stroke();
      context.fillStyle = colour("--soft");
      context.font = `${11 * px}px sans-serif`;
      context.fillText(text(point.name), x, y - radius - 6 * px);
    }
  },
};

export const jungle: Ground = {
  named: false,
  paint: (brush) => {
    const { context, width, height, px, colour } = brush;
    fill(brush, "--pitch");
    // The river, and the three lanes from base to base.
    context.strokeStyle = colour("--accent-soft");
    context.lineWidth = 0.07 * width;
    context.beginPath();
    context.moveTo(0.04 * width, 0.2 * height);
    context.quadraticCurveTo(width / 2, 0.44 * height, 0.96 * width, 0.82 * height);
    context.stroke();
    lines(brush);
    context.lineWidth = 4 * px;
    context.strokeRect(0.09 * width, 0.09 * height, 0.82 * width, 0.82 * height);
    context.beginPath();
    context.moveTo(0.09 * width, 0.91 * height);
    context.lineTo(0.91 * width, 0.09 * height);
    context.stroke();
    for (const [x, y, name] of [[0.09, 0.91, "--chart-0"], [0.91, 0.09, "--chart-1"]] as const) {
      context.fillStyle = colour(name);
      context.beginPath();
      context.arc(x * width, y * height, 9 * px, 0, 2 * Math.PI);
      context.fill();
    }
  },
  marked: (doc) => [figuresOf(doc).wards],
  marks: (doc, { context, project, px, colour }, side) => {
    const figures = figuresOf(doc);
    if (!isObject(figures.wards) || !isObject(doc.players)) return;
    for (const ward of Object.values(figures.wards)) {
      if (!isObject(ward)) continue;
      const at = placeOf(ward.pos);
      const player = doc.players[text(ward.player)];
      if (at === null) continue;
      const [x, y] = project(...at);
      context.fillStyle = side(isObject(player) ? text(player.team) : "");
      context.strokeStyle = colour("--card");
      context.lineWidth = 1.5 * px;
      context.beginPath();
      if (ward.kind === "observer") context.arc(x, y, 5 * px, 0, 2 * Math.PI);
      else context.rect(x - 4 * px, y - 4 * px, 8 * px, 8 * px);
      context.fill();
      context.stroke();
    }
  },
};

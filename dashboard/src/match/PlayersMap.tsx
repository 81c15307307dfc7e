/** Players on their ground: a canvas that skips React, drawn a little behind and between the places that came. */
import { useEffect, useRef } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { store } from "../live/store.js";
import { useFail } from "../shell/Boundary.js";
import { isObject, number, placeOf, teamsOf, text } from "./document.js";
import { gameOf } from "./games/index.js";
import type { Brush, Ground, Project } from "./ground.js";
import { Lettering, NAME_PX } from "./lettering.js";
import styles from "./match.module.css";
import { BEHIND_MS, Track } from "./motion.js";
import { Pace } from "./pace.js";
import { useWords } from "./words.js";

/** Further than this share of the map in one step is a jump. */
const LEAP = 0.2;
/** Without smooth motion four pictures a second are enough. */
const STILL_MS = 250;
/** Whoever stands on a border is drawn as a whole: so far inside of it at least. */
const WHOLE_PX = 14;
/** On a narrower map names would cover what they name. */
const NAMED_PX = 420;
/** The map is not higher than this. */
const HIGH = "30rem";
/** Who has not been seen for this long fades, where positions only come with what happens. */
const FADES_MS = 8_000;
const FADED = 0.5;

interface Bounds {
  x: readonly [number, number];
  y: readonly [number, number];
}

export function boundsOf(doc: JsonObject): Bounds {
  const map = isObject(doc.map) ? doc.map : {};
  const range = (value: unknown): [number, number] =>
    Array.isArray(value) && typeof value[0] === "number" && typeof value[1] === "number" && value[1] > value[0] ? [value[0], value[1]] : [0, 100];
  return { x: range(map.x), y: range(map.y) };
}

/** A field that is higher than wide is drawn lying. */
const turned = ({ x, y }: Bounds): boolean => x[1] - x[0] < y[1] - y[0];

function ratioOf(bounds: Bounds, game: string): number {
  if (game === "football") return 105 / 68;
  const wide = (bounds.x[1] - bounds.x[0]) / (bounds.y[1] - bounds.y[0]);
  return wide < 1 ? 1 / wide : wide;
}

/** What the page shows now: nothing newer while it is stopped. */
const documentOf = (channel: string): JsonObject => store.getState().channels[channel]?.doc ?? {};

export function PlayersMap({ channel, game }: { channel: string; game: string }) {
  const words = useWords();
  const canvas = useRef<HTMLCanvasElement>(null);
  const failing = useRef(useFail());
  const ratio = ratioOf(boundsOf(documentOf(channel)), game);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    const ground = gameOf(game).ground;
    if (!element || !context || !ground) return;
    const picture = new Picture(element, context, ground);
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const pace = new Pace();
    let frame = 0;
    let drawnAt = 0;
    const draw = (now: number): void => {
      frame = requestAnimationFrame(draw);
      const due = pace.due(now);
      if (still.matches ? now - drawnAt < STILL_MS : !due) return;
      drawnAt = now;
      try {
        picture.draw(documentOf(channel), now, still.matches ? now : now - BEHIND_MS);
      } catch (error) {
        cancelAnimationFrame(frame);
        failing.current(error);
      }
    };
    frame = requestAnimationFrame(draw);
    return () => {
      cancelAnimationFrame(frame);
      picture.close();
    };
  }, [channel, game]);
  return <canvas ref={canvas} className={styles.map} style={{ aspectRatio: String(ratio), maxWidth: `calc(${HIGH} * ${ratio})` }} role="img" aria-label={words.mapOf} />;
}

interface Body {
  track: Track;
  colour: string;
  square: boolean;
  name: string;
  /** 0 to 1: health or boost, drawn as a ring; null for none. */
  ring: number | null;
  gone: boolean;
}

/** A name, and where its player is on the canvas. */
interface Label {
  name: string;
  x: number;
  y: number;
  radius: number;
  seen: boolean;
}

class Picture {
  private readonly bodies = new Map<string, Body>();
  private readonly under = document.createElement("canvas");
  private readonly style: CSSStyleDeclaration;
  private readonly watcher: MutationObserver;
  private readonly sizes: ResizeObserver;
  private colours = new Map<string, string>();
  private seen: JsonObject | null = null;
  private marked: readonly unknown[] = [];
  /** In CSS pixels, 0 until it is known; asking the element each time would lay the page out. */
  private size = { width: 0, height: 0 };
  private stale = true;
  /** The teams' colours, as the document tells them. */
  private dressed = "";
  private drawnUntil = 0;
  /** Names of those who are in this picture. */
  private labels: Label[] = [];
  /** Names as they are written now. */
  private readonly lettering = new Lettering();

  constructor(
    private readonly element: HTMLCanvasElement,
    private readonly context: CanvasRenderingContext2D,
    private readonly ground: Ground,
  ) {
    this.style = getComputedStyle(element);
    this.watcher = new MutationObserver(() => this.repaint());
    this.watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.sizes = new ResizeObserver(([entry]) => {
      this.size = entry!.contentRect;
      this.repaint();
    });
    this.sizes.observe(element);
  }

  close(): void {
    this.watcher.disconnect();
    this.sizes.disconnect();
  }

  draw(doc: JsonObject, now: number, moment: number): void {
    if (doc !== this.seen) {
      this.seen = doc;
      const marked = [doc.map, ...(this.ground.marked?.(doc) ?? [])];
      if (marked.some((part, i) => part !== this.marked[i])) this.stale = true;
      this.marked = marked;
      this.follow(doc, now);
    }
    if (this.size.width === 0 || (!this.stale && moment > this.drawnUntil)) return;
    const { context } = this;
    const bounds = boundsOf(doc);
    if (this.stale) this.paintUnder(doc, bounds);
    const brush = this.brush(context, bounds);
    context.drawImage(this.under, 0, 0);
    let newest = 0;
    this.labels = [];
    for (const [id, body] of this.bodies) {
      newest = Math.max(newest, body.track.movedAt);
      if (body.gone) continue;
      const seen = !this.ground.fades || id === "ball" || moment - body.track.movedAt < FADES_MS;
      context.globalAlpha = seen ? 1 : FADED;
      this.paintBody(brush, body, body.track.at(moment), id === "ball", seen);
      context.globalAlpha = 1;
    }
    this.paintNames(brush);
    this.drawnUntil = newest;
  }

  private repaint(): void {
    this.colours = new Map();
    this.lettering.forget();
    this.stale = true;
  }

  private readonly colour = (name: string): string => {
    const known = this.colours.get(name);
    if (known !== undefined) return known;
    const value = this.style.getPropertyValue(name).trim();
    this.colours.set(name, value);
    return value;
  };

  private brush(context: CanvasRenderingContext2D, bounds: Bounds): Brush {
    const { width, height } = this.under;
    const [spanX, spanY] = [bounds.x[1] - bounds.x[0], bounds.y[1] - bounds.y[0]];
    const lying = turned(bounds);
    const project: Project = (x, y) => {
      const across = (x - bounds.x[0]) / spanX;
      const along = (y - bounds.y[0]) / spanY;
      return lying ? [along * width, across * height] : [across * width, (1 - along) * height];
    };
    return { context, width, height, px: devicePixelRatio || 1, colour: this.colour, project };
  }

  private paintUnder(doc: JsonObject, bounds: Bounds): void {
    const scale = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.size.width * scale));
    const height = Math.max(1, Math.round(this.size.height * scale));
    for (const one of [this.element, this.under]) {
      if (one.width !== width) one.width = width;
      if (one.height !== height) one.height = height;
    }
    const context = this.under.getContext("2d")!;
    const brush = this.brush(context, bounds);
    this.ground.paint(brush);
    this.ground.marks?.(doc, brush, (team) => this.sideOf(doc, team).colour);
    this.stale = false;
    this.drawnUntil = Infinity;
  }

  private sideOf(doc: JsonObject, team: string): { colour: string; square: boolean } {
    const order = teamsOf(doc).find(({ id }) => id === team)?.side ?? 2;
    return { colour: this.colour(order < 2 ? `--chart-${order}` : "--side-2"), square: order === 1 };
  }

  private follow(doc: JsonObject, now: number): void {
    const dressed = teamsOf(doc).map(({ colour }) => colour).join();
    if (dressed !== this.dressed) this.repaint();
    this.dressed = dressed;
    const bounds = boundsOf(doc);
    const leap = LEAP * Math.max(bounds.x[1] - bounds.x[0], bounds.y[1] - bounds.y[0]);
    const gone = new Set(this.bodies.keys());
    const put = (id: string, at: readonly [number, number] | null, rest: () => Omit<Body, "track">): void => {
      if (at === null) return;
      gone.delete(id);
      const body = this.bodies.get(id) ?? { track: new Track(), ...rest() };
      Object.assign(body, rest());
      body.track.add(at, now, leap);
      this.bodies.set(id, body);
    };
    if (isObject(doc.players))
      for (const [id, player] of Object.entries(doc.players)) {
        if (!isObject(player)) continue;
        const level = number(player.hp) ?? number(player.boost);
        put(id, placeOf(player.pos), () => ({
          ...this.sideOf(doc, text(player.team)),
          name: text(player.name, id),
          ring: level === null ? null : Math.max(0, Math.min(1, level / 100)),
          gone: number(player.hp) === 0,
        }));
      }
    if (isObject(doc.ball)) put("ball", placeOf(doc.ball.pos), () => ({ colour: this.colour("--ball"), square: false, name: "", ring: null, gone: false }));
    for (const id of gone) this.bodies.delete(id);
    this.drawnUntil = Infinity;
  }

  private paintBody(brush: Brush, body: Body, place: readonly [number, number], ball: boolean, seen: boolean): void {
    const { context, px, colour, project } = brush;
    const { width, height } = this.under;
    const at = project(place[0], place[1]);
    const x = within(at[0], WHOLE_PX * px, width);
    const y = within(at[1], WHOLE_PX * px, height);
    const radius = (ball ? 6 : 7.5) * px;
    context.fillStyle = body.colour;
    context.strokeStyle = ball ? colour("--card") : colour("--ink");
    context.lineWidth = 1.5 * px;
    context.beginPath();
    if (body.square) context.rect(x - radius * 0.88, y - radius * 0.88, radius * 1.76, radius * 1.76);
    else context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    if (body.ring !== null) {
      context.strokeStyle = body.colour;
      context.lineWidth = 2.5 * px;
      context.beginPath();
      context.arc(x, y, radius + 4 * px, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * body.ring);
      context.stroke();
    }
    if (this.ground.named && body.name && width >= NAMED_PX * px) this.labels.push({ name: body.name, x, y, radius, seen });
  }

  /** Above all players; below its own or above it, where it covers nobody; left out where another name is. */
  private paintNames({ context, px, colour }: Brush): void {
    const { width, height } = this.under;
    const written: { middle: number; line: number; half: number }[] = [];
    for (const { name, x, y, radius, seen } of this.labels.sort((a, b) => Number(b.seen) - Number(a.seen))) {
      const picture = this.lettering.written(name, px, colour, this.style);
      const half = picture.wide / 2;
      const [below, above] = [y + radius + 14 * px, y - radius - 8 * px];
      const middle = within(x, half + 2 * px, width);
      const free = (below + 3 * px > height ? [above] : [below, above]).filter(
        (at) => at > NAME_PX * px && !written.some((other) => Math.abs(other.middle - middle) < other.half + half && Math.abs(other.line - at) < NAME_PX * px),
      );
      const covers = (at: number): boolean => this.labels.some((other) => Math.abs(other.x - middle) < half + other.radius && Math.abs(other.y + 4 * px - at) < other.radius + NAME_PX * px * 0.6);
      const line = free.find((at) => !covers(at)) ?? free[0];
      if (line === undefined) continue;
      written.push({ middle, line, half });
      context.globalAlpha = seen ? 1 : FADED;
      // On whole pixels, where a picture stays sharp and is copied as it is.
      context.drawImage(picture.canvas, Math.round(middle - picture.canvas.width / 2), Math.round(line - picture.base));
      context.globalAlpha = 1;
    }
  }
}

/** A place on a line of a length, no nearer to its ends than `margin`. */
const within = (place: number, margin: number, length: number): number => Math.min(Math.max(place, margin), Math.max(margin, length - margin));

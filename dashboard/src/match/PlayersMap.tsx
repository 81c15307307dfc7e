/** Players on the map: a canvas, drawn 120 ms behind and interpolated between the positions that came. Skips React. */
import { useEffect, useRef } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { isObject, placeOf, playersOf, teamsOf } from "./document.js";
import styles from "./match.module.css";
import { live } from "../live/store.js";

const BEHIND_MS = 120;
/** Further apart than this share of the map in one step, it was a jump. */
const TELEPORT = 0.25;

interface Track {
  from: [number, number];
  to: [number, number];
  fromAt: number;
  toAt: number;
  side: number;
}

interface Bounds {
  x: [number, number];
  y: [number, number];
}

function boundsOf(doc: JsonObject): Bounds {
  const map = isObject(doc.map) ? doc.map : {};
  const range = (value: unknown): [number, number] | null =>
    Array.isArray(value) && typeof value[0] === "number" && typeof value[1] === "number" && value[1] > value[0] ? [value[0], value[1]] : null;
  return { x: range(map.x) ?? [0, 100], y: range(map.y) ?? [0, 100] };
}

export function PlayersMap({ channel, doc }: { channel: string; doc: JsonObject }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { x, y } = boundsOf(doc);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context) return;
    const tracks = new Map<string, Track>();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let frame = 0;
    let seen: JsonObject | null = null;
    const draw = () => {
      frame = requestAnimationFrame(draw);
      const now = performance.now();
      const current = live.viewers.get(channel)?.doc;
      if (current && current !== seen) {
        seen = current;
        follow(current, tracks, now);
      }
      paint(element, context, tracks, boundsOf(current ?? {}), still ? Infinity : now - BEHIND_MS);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [channel]);
  const wide = (x[1] - x[0]) / (y[1] - y[0]);
  const ratio = wide < 1 ? 1 / wide : wide;
  return (
    <canvas ref={canvas} className={styles.map} style={{ aspectRatio: String(ratio) }} role="img" aria-label="Positions of the players" />
  );
}

function follow(doc: JsonObject, tracks: Map<string, Track>, now: number): void {
  const places: [string, [number, number] | null, number][] = playersOf(doc, teamsOf(doc)).map((player) => [player.id, player.at, player.side]);
  places.push(["ball", isObject(doc.ball) ? placeOf(doc.ball.pos) : null, 3]);
  const { x } = boundsOf(doc);
  for (const [id, at, side] of places) {
    const track = tracks.get(id);
    if (at === null) {
      tracks.delete(id);
      continue;
    }
    if (track === undefined) tracks.set(id, { from: at, to: at, fromAt: now, toAt: now, side });
    else if (track.to[0] !== at[0] || track.to[1] !== at[1]) {
      const jumped = Math.hypot(at[0] - track.to[0], at[1] - track.to[1]) > TELEPORT * (x[1] - x[0]);
      tracks.set(id, { from: jumped ? at : track.to, to: at, fromAt: Math.max(track.toAt, now - 250), toAt: now, side });
    }
  }
}

function paint(element: HTMLCanvasElement, context: CanvasRenderingContext2D, tracks: Map<string, Track>, bounds: Bounds, at: number): void {
  const scale = devicePixelRatio || 1;
  const width = Math.round(element.clientWidth * scale);
  const height = Math.round(element.clientHeight * scale);
  if (element.width !== width || element.height !== height) {
    element.width = width;
    element.height = height;
  }
  const style = getComputedStyle(element);
  const colours = ["--side-0", "--side-1", "--side-2", "--ball"].map((name) => style.getPropertyValue(name));
  context.clearRect(0, 0, width, height);
  context.strokeStyle = style.getPropertyValue("--line");
  context.lineWidth = scale;
  context.strokeRect(scale, scale, width - 2 * scale, height - 2 * scale);
  context.beginPath();
  context.moveTo(width / 2, 0);
  context.lineTo(width / 2, height);
  context.stroke();
  const spanX = bounds.x[1] - bounds.x[0];
  const spanY = bounds.y[1] - bounds.y[0];
  // A field that is higher than wide is drawn lying, so that it fills the panel.
  const turned = spanX < spanY;
  const radius = 6 * scale;
  for (const [id, track] of tracks) {
    const share = track.toAt > track.fromAt ? Math.min(1, Math.max(0, (at - track.fromAt) / (track.toAt - track.fromAt))) : 1;
    const px = track.from[0] + (track.to[0] - track.from[0]) * share;
    const py = track.from[1] + (track.to[1] - track.from[1]) * share;
    const across = (px - bounds.x[0]) / spanX;
    const along = (py - bounds.y[0]) / spanY;
    const cx = (turned ? along : across) * width;
    const cy = (turned ? across : 1 - along) * height;
    context.fillStyle = colours[id === "ball" ? 3 : Math.min(track.side, 2)] ?? "gray";
    context.beginPath();
    if (track.side === 1) context.rect(cx - radius * 0.85, cy - radius * 0.85, radius * 1.7, radius * 1.7);
    else context.arc(cx, cy, id === "ball" ? radius * 0.7 : radius, 0, 2 * Math.PI);
    context.fill();
  }
}


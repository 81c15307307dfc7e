/** A curve as few rows, for who reads it instead of seeing it: evenly spaced, the first and the last always among them. Pure. */
import type { Curve } from "./series.js";

export const VALUES = 12;

export function valuesOf({ minutes, values }: Curve): [minute: number, value: number][] {
  const rows = Math.min(VALUES, minutes.length);
  return Array.from({ length: rows }, (_, row) => {
    const at = rows === 1 ? 0 : Math.round((row * (minutes.length - 1)) / (rows - 1));
    return [minutes[at]!, values[at]!];
  });
}

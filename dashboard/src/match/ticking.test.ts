import { describe, expect, it } from "vitest";
import { Ticking } from "./ticking.js";

describe("a clock between its messages", () => {
  it("goes on for as long as the next one may take, and stands when it is told to", () => {
    const clock = new Ticking();
    clock.tell(61_000, true, 0);
    expect([clock.at(0), clock.at(1_500), clock.at(5_000)]).toEqual([61_000, 62_500, 66_000]);
    expect([clock.at(6_000), clock.at(60_000), clock.next(60_000)]).toEqual([67_000, 67_000, null]);
    clock.tell(66_200, false, 60_000);
    expect([clock.at(70_000), clock.next(70_000)]).toEqual([66_200, null]);
  });

  it("goes as fast as it has gone", () => {
    const clock = new Ticking();
    for (let n = 0; n <= 8; n++) clock.tell(n * 4_000, true, n * 1_000);
    expect(clock.next(8_000)).toBeCloseTo(250, -1);
    expect(clock.at(8_500)).toBeGreaterThan(33_900);
  });

  it("neither runs back for a little nor stays ahead for long", () => {
    let random = 7;
    const next = (below: number): number => (random = (random * 48271) % 2147483647) % below;
    for (let round = 0; round < 20; round++) {
      const clock = new Ticking();
      const rate = 1 + next(4);
      let at = 0;
      let last = -Infinity;
      for (let told = 0; told < 20; told++) {
        // Messages come early and late by a quarter of a second.
        clock.tell(at * rate, true, at + next(250));
        const until = at + 500 + next(4_000);
        for (; at < until; at += 250) {
          const shown = clock.at(at + 250);
          expect(shown).toBeGreaterThanOrEqual(last);
          expect(Math.abs(shown - at * rate)).toBeLessThan(8_000 * rate);
          last = shown;
        }
      }
    }
  });

  it("is set back by a leap: another half, the past", () => {
    const clock = new Ticking();
    clock.tell(47 * 60_000, true, 0);
    expect(clock.at(1_000)).toBe(47 * 60_000 + 1_000);
    clock.tell(45 * 60_000, true, 2_000);
    expect(clock.at(2_000)).toBe(45 * 60_000);
    expect(clock.at(3_000)).toBe(45 * 60_000 + 1_000);
  });

  it("stays where it has gone to while its picture stands, and goes on from where it would be", () => {
    const clock = new Ticking();
    expect(clock.read(61_000, true, false, 0)).toEqual({ ms: 61_000, next: 1_000 });
    expect(clock.read(61_000, true, false, 1_500).ms).toBe(62_500);
    expect(clock.read(61_000, true, true, 3_000)).toEqual({ ms: 62_500, next: null });
    expect(clock.read(61_000, true, false, 4_000).ms).toBe(65_000);
    expect(clock.read(30_000, true, true, 4_500)).toEqual({ ms: 30_000, next: null });
  });

  it("shows the next second when it is due", () => {
    const clock = new Ticking();
    clock.tell(-1_200, true, 0);
    const due = clock.next(0)!;
    expect(due).toBeCloseTo(200);
    expect(Math.floor(clock.at(due) / 1_000)).toBe(-1);
  });
});

import { describe, expect, it } from "vitest";
import { Track } from "./motion.js";

describe("a track", () => {
  it("is between the places that came, and never ahead of the last", () => {
    const track = new Track();
    for (let i = 0; i <= 5; i++) track.add([i * 10, 0], i * 100, 1000);
    expect(track.at(250)).toEqual([25, 0]);
    expect(track.at(500)).toEqual([50, 0]);
    expect(track.at(9_000)).toEqual([50, 0]);
    expect(track.at(-1)).toEqual([0, 0]);
  });

  it("moves steadily while places come in steadily, whatever the frame", () => {
    const track = new Track();
    let before = 0;
    for (let now = 0; now < 2_000; now += 16) {
      if (now % 96 === 0) track.add([now, 0], now, 1000);
      const [x] = track.at(now - 130);
      expect(x).toBeGreaterThanOrEqual(before);
      expect(x - before).toBeLessThan(40);
      before = x;
    }
  });

  it("jumps where it was a teleport, and stands where nothing moved", () => {
    const track = new Track();
    track.add([0, 0], 0, 100);
    track.add([500, 0], 100, 100);
    expect(track.at(99)).toEqual([0, 0]);
    expect(track.at(100)).toEqual([500, 0]);
    track.add([510, 0], 5_000, 100);
    expect(track.at(4_000)).toEqual([500, 0]);
    expect(track.at(5_000)).toEqual([510, 0]);
  });
});

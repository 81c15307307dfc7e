import { describe, expect, it } from "vitest";
import { bytesText, durationText, remember, sorted, type ChannelRow } from "./overview.js";

const decimal = (value: number, digits: number): string => value.toFixed(digits);

describe("figures in words", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [12_345_678, "12.3 MB"],
    [999_600, "1.0 MB"],
    [150_000_000_000, "150 GB"],
  ])("%d bytes", (bytes, text) => expect(bytesText(bytes, decimal)).toBe(text));

  it.each([
    [0.4, "0 s"],
    [59, "59 s"],
    [60, "1 min"],
    [3_661, "1 h 1 min"],
    [93_784, "1 d 2 h"],
  ])("%d seconds", (seconds, text) => expect(durationText(seconds)).toBe(text));
});

describe("rows", () => {
  const rows: ChannelRow[] = [
    { channel: "b", viewers: 2, behind: 0, workers: 1, behind_ms: 5 },
    { channel: "a", viewers: 2, behind: 0, workers: 1 },
    { channel: "c", viewers: 9, behind: 1, workers: 2, behind_ms: 1 },
  ];
  const names = (by: keyof ChannelRow, down: boolean): string => sorted(rows, { by, down }).map((row) => row.channel).join("");

  it("are ordered by a figure, then by name", () => expect(names("viewers", true)).toBe("cab"));
  it("put what is not known last, up and down", () => {
    expect(names("behind_ms", false)).toBe("cba");
    expect(names("behind_ms", true)).toBe("bca");
  });
  it("are remembered up to a number", () => expect(remember([1, 2, 3], 4, 3)).toEqual([2, 3, 4]));
});

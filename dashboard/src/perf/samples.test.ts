import { describe, expect, it } from "vitest";
import { browserOf, classesOf, countryOf, framesOf, percentile, Reservoir } from "./samples.js";

describe("a reservoir", () => {
  it("keeps no more than it may, and begins anew when it was taken", () => {
    const reservoir = new Reservoir(20);
    for (let i = 0; i < 5_000; i += 1) reservoir.offer(i);
    expect(reservoir.take()).toHaveLength(20);
    expect(reservoir.take()).toEqual([]);
  });
  it("is fair: early and late values are kept alike", () => {
    let early = 0;
    for (let round = 0; round < 400; round += 1) {
      const reservoir = new Reservoir(10);
      for (let i = 0; i < 100; i += 1) reservoir.offer(i);
      early += reservoir.take().filter((value) => value < 50).length;
    }
    // 2,000 of 4,000 are expected; ten standard deviations are 316.
    expect(Math.abs(early - 2_000)).toBeLessThan(316);
  });
});

describe("frames", () => {
  const even = Array.from({ length: 61 }, (_, i) => i * (1000 / 60));
  it("of an even screen are its own", () => {
    const frames = framesOf(even)!;
    expect(frames.fps).toBeCloseTo(60);
    expect(frames.dropped).toBe(0);
  });
  it("that were missed are counted", () => expect(framesOf(even.filter((_, i) => i < 30 || i > 33))!.dropped).toBe(4));
  it("are not told of too few", () => expect(framesOf(even.slice(0, 9))).toBeNull());
});

describe("figures", () => {
  it("go into classes", () => expect(classesOf([1, 8, 9, 40, 600, 501])).toEqual([2, 1, 0, 1, 0, 0, 0, 2]));
  it("have percentiles", () => {
    expect(percentile([], 0.5)).toBeNull();
    expect(percentile([5, 1, 3], 0.5)).toBe(3);
    expect(percentile([5, 1, 3], 1)).toBe(5);
  });
});

it.each([
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "chromium"],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "safari"],
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36", "chromium"],
  ["curl/8", "other"],
])("%s", (agent, browser) => expect(browserOf(agent)).toBe(browser));

it.each([
  [[], null],
  [[{ name: "cache", description: "HIT" }, { name: "country", description: "DE" }], "DE"],
  [[{ name: "country", description: "Germany" }], null],
  [[{ name: "country", description: "" }], null],
])("country of %j is %s", (timings, country) => expect(countryOf(timings)).toBe(country));

import { describe, expect, it } from "vitest";
import { Held } from "./held.js";

describe("a picture that is stopped", () => {
  it("stays, and counts what waits", () => {
    const held = new Held();
    const viewer = { version: "1-1.a" };
    expect(held.keeps("m", viewer)).toBe(false);
    held.hold("m", viewer);
    expect(held.counts()).toEqual({ m: 0 });
    // A tick brings nothing new.
    expect(held.keeps("m", viewer)).toBe(true);
    expect(held.counts()).toEqual({ m: 0 });
    for (const version of ["1-2.a", "1-3.a"]) {
      viewer.version = version;
      expect(held.keeps("m", viewer)).toBe(true);
    }
    expect(held.counts()).toEqual({ m: 2 });
    expect(held.keeps("another", viewer)).toBe(false);
    held.release("m");
    expect(held.keeps("m", viewer)).toBe(false);
    expect(held.counts()).toEqual({});
  });

  it("goes on with a step into the past, and back", () => {
    const held = new Held();
    held.hold("m", { version: "1-1.a" });
    expect(held.keeps("m", { version: "1-1.a" })).toBe(false);
    expect(held.has("m")).toBe(false);
  });
});

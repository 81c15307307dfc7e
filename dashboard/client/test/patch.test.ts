import { describe, expect, it } from "vitest";
import type { Json } from "../src/index.js";
import { merge } from "../src/index.js";

// RFC 7396 appendix A
const cases: [Json, Json, Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [["a", "b"], ["c", "d"], ["c", "d"]],
  [{ a: "foo" }, null, null],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe("merge", () => {
  it.each(cases)("%j with %j", (document, patch, result) => {
    expect(merge(document, patch)).toEqual(result);
  });

  it("shares what is not touched", () => {
    const document = { a: { x: 1 }, b: { y: 1 } };
    const merged = merge(document, { a: { x: 2 } }) as typeof document;
    expect(merged.b).toBe(document.b);
    expect(document.a.x).toBe(1);
  });

  it("takes __proto__ as a name like any other", () => {
    const merged = merge({}, JSON.parse('{"__proto__":{"evil":1}}') as Json) as Record<string, unknown>;
    expect(Object.hasOwn(merged, "__proto__")).toBe(true);
    expect(merged.evil).toBeUndefined();
  });
});

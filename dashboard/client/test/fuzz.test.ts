import { describe, expect, it } from "vitest";
import { read, Viewer, type Heard, type ServerMessage } from "../src/index.js";
import { eventsOf } from "../src/transport.js";
import { random, spoiled, GOOD } from "./spoiled.js";

const snapshot: ServerMessage = { type: "snapshot", channel: "match:1", version: "1-9.i", state: { n: 9 }, feed: [], status: "live" };
const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

/** The rules hold after any text: nothing changes by what cannot be read, and a snapshot mends everything. */
function check(text: string): Heard["type"] {
  const viewer = new Viewer(8);
  viewer.receive(read(JSON.stringify(GOOD[0])));
  const before = JSON.stringify([viewer.doc, viewer.version, viewer.feed]);
  const message = read(text);
  const action = viewer.receive(message);
  expect(action === "malformed").toBe(message.type === "malformed");
  if (action === "malformed") expect(viewer.since).toBeNull();
  if (action === "applied") expect(() => new Headers({ "if-none-match": `"${viewer.version}"` })).not.toThrow();
  else expect(JSON.stringify([viewer.doc, viewer.version, viewer.feed])).toBe(before);
  expect(viewer.receive(snapshot)).toBe("applied");
  expect([viewer.doc, viewer.since]).toEqual([{ n: 9 }, "1-9.i"]);
  return message.type;
}

describe("what a server may say", { timeout: 30_000 }, () => {
  it("is read or counted, whatever it is", () => {
    const next = random(5);
    const told: Record<string, number> = {};
    for (let round = 0; round < 1_500; round++) {
      const message = GOOD[next(GOOD.length)]!;
      const type = check(spoiled(JSON.stringify(message), next));
      told[type] = (told[type] ?? 0) + 1;
    }
    // Some are still messages, and of every type.
    expect(Object.keys(told).sort()).toEqual(["bye", "delta", "error", "malformed", "snapshot", "status", "tick"]);
  });

  it.each([
    ["a patch deeper than any stack", `{"type":"delta","channel":"match:1","from":"1-0.a","version":"1-1.b","patch":${deep(200_000)}}`],
    ["a feed deeper than any stack", `{"type":"snapshot","channel":"match:1","version":"1-1.b","state":{},"feed":[${deep(200_000)}],"status":"live"}`],
    ["lists without end", "[".repeat(1_000_000)],
    ["a version that no header can have", '{"type":"snapshot","channel":"match:1","version":"1\\n0","state":{},"feed":[],"status":"live"}'],
    ["half a character", '{"type":"snapshot","channel":"match:1","version":"\\ud800","state":{},"feed":[],"status":"live"}'],
    ["a number that is none", '{"type":"status","channel":"match:1","status":"live","behind_ms":1e999}'],
  ])("is refused: %s", (_, text) => {
    expect(check(text)).toBe("malformed");
  });

  it("has an end, as an event of a stream", () => {
    for (const piece of ["x".repeat(1 << 22), `data: ${"x".repeat(1 << 22)}\n`]) {
      const feed = eventsOf(() => {});
      expect(() => {
        for (let i = 0; i < 5; i++) feed(piece);
      }).toThrow(RangeError);
    }
  });

  it("gives the same events of a stream, however it is cut", () => {
    const next = random(6);
    for (let round = 0; round < 150; round++) {
      const text = spoiled(GOOD.map((message) => `id: 1\r\ndata: ${JSON.stringify(message)}\n\n`).join(""), next);
      const [whole, pieces]: string[][] = [[], []];
      eventsOf((data) => whole!.push(data))(text);
      const feed = eventsOf((data) => pieces!.push(data));
      for (let at = 0; at < text.length; ) feed(text.slice(at, (at += 1 + next(7))));
      expect(pieces).toEqual(whole);
      for (const data of whole!) check(data);
    }
  });
});

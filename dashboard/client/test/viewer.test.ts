import { describe, expect, it } from "vitest";
import { Backoff, Viewer, type Delta, type ServerMessage } from "../src/index.js";

const snapshot: ServerMessage = { type: "snapshot", channel: "match:1", version: "1-0.a", state: { n: 0 }, feed: [], status: "live" };
const delta = (from: string, version: string, n: number): Delta => ({ type: "delta", channel: "match:1", from, version, patch: { n }, events: [{ op: "x", n }] });

describe("the rules of a viewer", () => {
  it("applies what fits, knows duplicates, and asks again after a gap", () => {
    const viewer = new Viewer();
    expect(viewer.receive(delta("1-0.a", "1-1.b", 1))).toBe("resync");
    expect(viewer.receive(snapshot)).toBe("applied");
    expect(viewer.receive(delta("1-0.a", "1-1.b", 1))).toBe("applied");
    expect(viewer.receive(delta("1-0.a", "1-1.b", 1))).toBe("duplicate");
    expect(viewer.receive(delta("1-2.c", "1-3.d", 3))).toBe("resync");
    expect(viewer.doc).toEqual({ n: 1 });
    expect(viewer.receive({ type: "tick", channel: "match:1", version: "1-1.b" })).toBe("noted");
    expect(viewer.receive({ type: "tick", channel: "match:1", version: "1-9.z" })).toBe("resync");
  });

  it("ends on the right document whatever is lost, doubled or turned round, once it asks again", () => {
    let seed = 7;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (let round = 0; round < 200; round++) {
      const stream = Array.from({ length: 20 }, (_, i) => delta(`1-${i}.x`, `1-${i + 1}.x`, i + 1));
      const viewer = new Viewer();
      viewer.receive({ ...snapshot, version: "1-0.x" } as ServerMessage);
      const faulty = stream.flatMap((message) => (random() < 0.2 ? [] : random() < 0.2 ? [message, message] : [message]));
      for (let i = faulty.length - 1; i > 0; i--) if (random() < 0.2) [faulty[i], faulty[i - 1]] = [faulty[i - 1]!, faulty[i]!];
      for (const message of [...faulty, { type: "tick", channel: "match:1", version: "1-20.x" } as ServerMessage])
        if (viewer.receive(message) === "resync") {
          const held = Number(viewer.version!.slice(2, -2));
          if (held < 20) viewer.receive({ ...delta(viewer.version!, "1-20.x", 20), events: [] });
        }
      expect(viewer.doc).toEqual({ n: 20 });
      expect(viewer.version).toBe("1-20.x");
    }
  });

  it("bounds the feed and numbers its events for good", () => {
    const viewer = new Viewer(3);
    viewer.receive(snapshot);
    for (let i = 0; i < 5; i++) viewer.receive({ ...delta(viewer.version!, `1-${i + 1}.q`, i) });
    expect(viewer.feed.map(({ key }) => key)).toEqual([2, 3, 4]);
  });
});

describe("back-off", () => {
  it("doubles up to 30 s with full jitter, starts again when connected, and obeys bye", () => {
    const backoff = new Backoff(() => 0.999999);
    expect([1, 2, 3, 4, 5, 6, 7].map(() => Math.ceil(backoff.nextMs() / 1000))).toEqual([1, 2, 4, 8, 16, 30, 30]);
    backoff.connected();
    expect(backoff.nextMs()).toBeLessThan(1000);
    backoff.bye([100, 300]);
    expect(backoff.nextMs()).toBeGreaterThanOrEqual(100);
  });
});

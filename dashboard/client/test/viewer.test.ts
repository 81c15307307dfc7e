import { describe, expect, it } from "vitest";
import { Backoff, merge, Viewer, type Delta, type ServerMessage } from "../src/index.js";

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

describe("the feed of a viewer", () => {
  it("keeps the numbers of events that a snapshot brings again", () => {
    const viewer = new Viewer(10);
    const event = (n: number) => ({ op: "x", n });
    const with_ = (version: string, ...numbers: number[]): ServerMessage => ({ ...snapshot, version, feed: numbers.map(event) }) as ServerMessage;
    viewer.receive(with_("1-0.a", 1, 2, 3));
    viewer.receive(with_("1-2.b", 2, 3, 4, 5));
    expect(viewer.feed.map(({ key, event: { n } }) => [key, n])).toEqual([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]);
    viewer.receive(with_("1-9.c", 8, 9));
    expect(viewer.feed.map(({ key, event: { n } }) => [key, n])).toEqual([[5, 8], [6, 9]]);
  });
});

describe("against a model of the server", () => {
  it("ends on the server's document whatever is cut, doubled or turned round, over any number of connections", () => {
    let seed = 11;
    const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
    for (let round = 0; round < 150; round++) {
      // The server: a document a version, and patches between them.
      const documents: Record<string, number>[] = [{}];
      const patches: Record<string, number | null>[] = [];
      for (let i = 0; i < 40; i++) {
        const patch: Record<string, number | null> = { [`k${random(6)}`]: random(4) === 0 ? null : random(100) };
        patches.push(patch);
        documents.push(merge(documents.at(-1)!, patch) as Record<string, number>);
      }
      const name = (i: number): string => `1-${i}.x`;
      const held = (version: string | null): number => (version === null ? -1 : Number(version.slice(2, -2)));
      const answer = (version: string | null, now: number): ServerMessage => {
        const from = held(version);
        if (from === now) return { type: "tick", channel: "match:1", version: name(now) };
        if (from < 0 || random(3) === 0) return { ...snapshot, version: name(now), state: documents[now]! } as ServerMessage;
        const patch = Object.assign({}, ...patches.slice(from, now)) as Record<string, number | null>;
        return { type: "delta", channel: "match:1", from: name(from), version: name(now), patch };
      };
      const viewer = new Viewer();
      let queue: ServerMessage[] = [answer(null, 0)];
      for (let now = 0; now < 40; now++) {
        queue.push({ type: "delta", channel: "match:1", from: name(now), version: name(now + 1), patch: patches[now]! });
        const fate = random(8);
        if (fate === 0) queue.splice(random(queue.length), 1);
        if (fate === 1) queue.push(queue[random(queue.length)]!);
        if (fate === 2) queue.reverse();
        if (fate === 3) queue = [answer(viewer.version, now + 1)];
        for (let taken = random(queue.length + 1); taken > 0; taken--)
          if (viewer.receive(queue.shift()!) === "resync") queue.push(answer(viewer.version, now + 1));
        if (viewer.version !== null) expect(viewer.doc).toEqual(documents[held(viewer.version)]);
      }
      queue.push({ type: "tick", channel: "match:1", version: name(40) });
      while (queue.length > 0) if (viewer.receive(queue.shift()!) === "resync") queue.push(answer(viewer.version, 40));
      expect(viewer.version).toBe(name(40));
      expect(viewer.doc).toEqual(documents[40]);
    }
  });
});

// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChannelView } from "./store.js";

const view = (n: number, source: object, version: string | null = `1-${n}.x`): ChannelView => ({
  doc: { n }, version, status: "live", behindMs: 0, feed: [], error: null, source, present: { doc: { n }, version, status: "live" },
});

describe("calm channels", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
  });
  afterEach(() => void vi.useRealTimers());

  it("are told a few times a second, and at once of what begins", async () => {
    const { store } = await import("./store.js");
    const { CALM_MS, lists, tables } = await import("./calm.js");
    const seen: unknown[] = [];
    const listed: unknown[] = [];
    const told = ({ channels }: { channels: Record<string, ChannelView> }): unknown => Object.fromEntries(Object.entries(channels).map(([name, { doc }]) => [name, doc.n]));
    tables.subscribe((state) => seen.push(told(state)));
    lists.subscribe((state) => listed.push(told(state)));
    const now = {};
    const show = (channels: Record<string, ChannelView>): void => store.setState({ channels });

    show({ m: view(1, now, null) });
    expect(seen).toEqual([{ m: 1 }]);
    // Its first version, and another channel.
    show({ m: view(2, now) });
    show({ m: view(2, now), k: view(5, now) });
    expect(seen.slice(1)).toEqual([{ m: 2 }, { m: 2, k: 5 }]);
    expect(listed).toEqual(seen);

    // A crowd of changes: the last of them, once.
    for (let n = 3; n < 10; n++) {
      vi.advanceTimersByTime(10);
      show({ m: view(n, now), k: view(5, now) });
    }
    expect(seen).toHaveLength(3);
    vi.advanceTimersByTime(CALM_MS);
    expect(seen.slice(3)).toEqual([{ m: 9, k: 5 }]);
    // Lists in between.
    expect(listed).toHaveLength(3);
    vi.advanceTimersByTime(CALM_MS / 2);
    expect(listed).toEqual(seen);
    // After a pause the first one is not kept waiting, the next one is.
    vi.advanceTimersByTime(CALM_MS);
    show({ m: view(10, now) });
    show({ m: view(11, now) });
    expect(seen.slice(4)).toEqual([{ m: 10 }]);
    // A step into the past comes at once, with nothing left to be told later.
    show({ m: view(4, {}) });
    expect(seen.slice(5)).toEqual([{ m: 4 }]);
    expect(listed.at(-1)).toEqual({ m: 4 });
    const count = listed.length;
    vi.advanceTimersByTime(2 * CALM_MS);
    expect([seen.length, listed.length]).toEqual([6, count]);
  });
});

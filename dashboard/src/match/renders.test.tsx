// @vitest-environment jsdom
import { act, cleanup, render } from "@testing-library/react";
import { QueryClientProvider } from "@tanstack/react-query";
import { Profiler, type ReactNode } from "react";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { merge, type JsonObject } from "../../client/src/index.js";

/** How often each part has rendered. */
const renders: Record<string, number> = {};
const Counted = ({ id, children }: { id: string; children: ReactNode }) => (
  <Profiler id={id} onRender={(name) => (renders[name] = (renders[name] ?? 0) + 1)}>
    {children}
  </Profiler>
);

const CHANNEL = "match:1";
const opening: JsonObject = {
  game: "arena",
  clock: { t_ms: 0, running: true },
  teams: { a: { name: "A", score: 0, order: 0 }, b: { name: "B", score: 0, order: 1 } },
  players: { p: { name: "P", team: "a", kills: 0, hp: 100, pos: [1, 1] }, q: { name: "Q", team: "b", kills: 0, hp: 100, pos: [2, 2] } },
  map: { x: [0, 10], y: [0, 10] },
};

beforeAll(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }));
  vi.stubGlobal("ResizeObserver", class { observe() {} unobserve() {} disconnect() {} });
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

describe("what renders", () => {
  it("is only what has changed", { timeout: 30_000 }, async () => {
    const { store } = await import("../live/store.js");
    const { CALM_MS } = await import("../live/calm.js");
    const { Scoreboard } = await import("./Scoreboard.js");
    const { PlayerRow } = await import("./Players.js");
    const { Feed } = await import("./Feed.js");
    const { queries } = await import("../shell/api.js");
    const { RewindBar } = await import("./RewindBar.js");
    const { TeamFigures } = await import("./TeamFigures.js");
    vi.useFakeTimers();
    let doc = opening;
    let puts = 0;
    let feed: { key: number; event: JsonObject }[] = [];
    const put = (patch: JsonObject, event?: JsonObject): Record<string, number> => {
      doc = merge(doc, patch) as JsonObject;
      if (event) feed = [...feed, { key: feed.length, event }];
      for (const name of Object.keys(renders)) renders[name] = 0;
      act(() => {
        const view = { doc, feed, version: `1-${puts++}.x`, status: "live", behindMs: 0, error: null, source: put, present: { doc, version: null, status: "live" } };
        store.setState({ channels: { [CHANNEL]: view, "lobby:matches": view } });
        // Tables and lists have their turn, too.
        vi.advanceTimersByTime(2 * CALM_MS);
      });
      return { ...renders };
    };
    put({});
    queries.setQueryData(["course", CHANNEL], { points: [{ id: "1-0", at_ms: 0, clock: { t_ms: 0 } }] });
    render(
      <QueryClientProvider client={queries}>
        <Counted id="score"><Scoreboard channel={CHANNEL} /></Counted>
        <table>
          <tbody>
            <Counted id="p"><PlayerRow channel={CHANNEL} game="arena" id="p" columns="kills,hp" /></Counted>
            <Counted id="q"><PlayerRow channel={CHANNEL} game="arena" id="q" columns="kills,hp" /></Counted>
          </tbody>
        </table>
        <Counted id="rewind"><RewindBar channel={CHANNEL} /></Counted>
        <Counted id="feed"><Feed channel={CHANNEL} game="arena" /></Counted>
        <Counted id="teams"><TeamFigures channel={CHANNEL} game="arena" /></Counted>
      </QueryClientProvider>,
    );
    const nothing = { score: 0, p: 0, q: 0, rewind: 0, feed: 0, teams: 0 };
    for (let step = 0; step < 50; step++) expect(put({ players: { p: { pos: [step, 1] }, q: { pos: [2, step] } } })).toEqual(nothing);
    expect(put({ players: { p: { kills: 1 } } })).toEqual({ ...nothing, p: 1, teams: 1 });
    expect(put({ teams: { a: { score: 1 } } })).toEqual({ ...nothing, score: 1 });
    expect(put({ clock: { t_ms: 400 } })).toEqual(nothing);
    expect(put({ clock: { t_ms: 1_000 } })).toEqual({ ...nothing, score: 1, rewind: expect.any(Number) });
    expect(put({}, { op: "kill", actor: "p", target: "q" })).toMatchObject({ score: 0, p: 0, q: 0, rewind: 0, teams: 0 });
    expect(put({ figures: { odd: 1 } })).toEqual(nothing);
  });
});

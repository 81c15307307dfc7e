// @vitest-environment jsdom
import { act, cleanup, render } from "@testing-library/react";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";

beforeAll(() => void vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} })));
afterEach(cleanup);

describe("the table of players", () => {
  it("says how many it does not show", async () => {
    const { store } = await import("../live/store.js");
    const { Players } = await import("./Players.js");
    const show = (count: number): void => {
      const players = Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, { name: `Player ${n}`, team: "a", kills: n }]));
      const doc = { game: "arena", teams: { a: { name: "A" } }, players };
      const version = `1-${count}.x`;
      act(() => store.setState({ channels: { m: { doc, version, status: "live", behindMs: 0, feed: [], error: null, source: { count }, present: { doc, version, status: "live" } } } }));
    };
    show(100);
    const { container, queryByTestId } = render(<Players channel="m" game="arena" />);
    expect(container.querySelectorAll("tbody tr")).toHaveLength(100);
    expect(queryByTestId("more-players")).toBeNull();
    show(151);
    expect(container.querySelectorAll("tbody tr")).toHaveLength(100);
    expect(queryByTestId("more-players")?.textContent).toBe("and 51 more");
  });
});

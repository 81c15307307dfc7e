// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { useOlder } from "./useOlder.js";

afterEach(cleanup);

/** A history of as many events as are asked for, by the entry's number. */
function history(): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(address);
    const query = new URL(address, "http://gateway").searchParams;
    const before = Number(query.get("before")!.split(/[-.]/)[1]);
    const events = Array.from({ length: Number(query.get("limit")) }, (_, i) => ({ id: `7-${before - 1 - i}`, index: 0, at_ms: 0, event: { op: "pass", n: before - 1 - i } }));
    return new Response(JSON.stringify({ events, next: `${events.at(-1)!.id}.0` }), { headers: { "content-type": "application/json" } });
  });
  return asked;
}

it("holds five thousand earlier events and asks for no more", async () => {
  const asked = history();
  const queries = new QueryClient();
  const wrapper = ({ children }: { children: ReactNode }) => <QueryClientProvider client={queries}>{children}</QueryClientProvider>;
  const held = { feed: [{ key: 0, event: { op: "pass", n: 20_000 } }], version: "7-20000.a" };
  const { result } = renderHook(() => useOlder("match:long", held, true, null), { wrapper });
  await waitFor(() => expect(result.current.rows.length).toBeGreaterThan(0));
  for (let page = 0; page < 100 && result.current.more; page++) {
    const rows = result.current.rows.length;
    act(() => result.current.load());
    await waitFor(() => expect(result.current.busy).toBe(false));
    expect(result.current.rows.length).toBeGreaterThan(rows);
  }
  expect(result.current.more).toBe(false);
  expect(result.current.full).toBe(true);
  const rows = result.current.rows.map(({ event }) => event.n);
  expect(rows.length).toBeGreaterThanOrEqual(5_000);
  expect(rows.length).toBeLessThan(5_000 + 200);
  // Without a gap, from where the feed begins.
  expect(rows).toEqual(rows.map((_, i) => 19_999 - i));
  const until = asked.length;
  act(() => result.current.load());
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked.length).toBe(until);
});

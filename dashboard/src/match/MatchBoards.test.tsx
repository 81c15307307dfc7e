// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeAll, expect, it, vi } from "vitest";

beforeAll(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }));
});

afterEach(cleanup);

it("leads to the boards of the match that somebody is on, when it has ended as well", async () => {
  const { MatchBoards } = await import("./MatchBoards.js");
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(address);
    const board = (metric: string, members: number) => ({ board: `${metric}.match.42`, metric, scope: "match.42", members, complete: true, as_of_ms: 0 });
    return new Response(JSON.stringify({ boards: [board("assists", 0), board("kills", 10)], next: null }), { headers: { "content-type": "application/json" } });
  });
  render(
    <QueryClientProvider client={new QueryClient()}>
      <MatchBoards id="42" ended />
    </QueryClientProvider>,
  );
  await waitFor(() => expect(screen.getAllByRole("link")).toHaveLength(1));
  expect(screen.getByRole("link").getAttribute("href")).toMatch(/\/board\/kills\.match\.42$/);
  expect(asked).toHaveLength(1);
  expect(new URL(asked[0]!, "http://gateway").searchParams.get("match")).toBe("42");
});

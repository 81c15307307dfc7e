// @vitest-environment jsdom
import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { merge, type JsonObject } from "../../client/src/index.js";
import { held, placed, topOf, type Row } from "./rows.js";

afterEach(cleanup);

it("renders the rows that have changed and no others", async () => {
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
  const { Cells } = await import("./BoardRow.js");
  // What memo() wraps: called once for each render of a row.
  const renders = vi.spyOn(Cells as unknown as { type: (props: { row: Row }) => unknown }, "type");
  let doc: JsonObject = {
    board: "kills.all", total: 100, as_of_ms: 1,
    rows: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`p${i}`, { rank: i + 1, points: 1_000 - i, name: `Player ${i}` }])),
  };
  let shown = placed([topOf(doc)!]);
  const list = () => <div>{[...shown.values()].map((row) => <Cells key={row.member} cell="gridcell" row={row} />)}</div>;
  const { rerender } = render(list());
  const changed = (patch: JsonObject, hold = false): string[] => {
    renders.mockClear();
    doc = merge(doc, patch) as JsonObject;
    const now = placed([topOf(doc)!]);
    shown = hold ? held(shown, now).rows : now;
    rerender(list());
    return renders.mock.calls.map(([{ row }]) => row.member).sort();
  };
  expect(changed({ as_of_ms: 2 })).toEqual([]);
  expect(changed({ rows: { p7: { points: 993.5 } } })).toEqual(["p7"]);
  expect(changed({ rows: { p7: { rank: 9, points: 991.5 }, p8: { rank: 8 } } })).toEqual(["p7", "p8"]);
  // Under the pointer places stay and points go on.
  expect(changed({ rows: { p20: { rank: 1, points: 2_000 } } }, true)).toEqual(["p20"]);
  expect(changed({ as_of_ms: 3 }, true)).toEqual([]);
});

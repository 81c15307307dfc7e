import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { merge, Viewer, type Json, type ServerMessage } from "../src/index.js";

const load = <T>(name: string): T[] =>
  JSON.parse(readFileSync(new URL(`../../../tests/vectors/${name}.json`, import.meta.url), "utf8")) as T[];

interface PatchCase {
  name: string;
  document: Json;
  patches: Json[];
  result: Json;
}
interface ViewerCase {
  name: string;
  steps: { message: ServerMessage; action: string }[];
  document: Json;
  version: string | null;
}

describe("golden vectors", () => {
  it.each(load<PatchCase>("patch"))("patch: $name", ({ document, patches, result }) => {
    expect(patches.reduce<Json>((doc, patch) => merge(doc, patch), document)).toEqual(result);
  });

  it.each(load<ViewerCase>("viewer"))("viewer: $name", ({ steps, document, version }) => {
    const viewer = new Viewer();
    for (const { message, action } of steps) expect(viewer.receive(message)).toBe(action);
    expect(viewer.doc).toEqual(document);
    expect(viewer.version).toBe(version);
  });

  it.each(load<{ name: string; json: string }>("messages"))("message: $name", ({ json }) => {
    expect(JSON.stringify(JSON.parse(json) as ServerMessage)).toBe(json);
  });
});

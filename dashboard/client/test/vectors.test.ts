import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { eventsOf, statusOfHeader } from "../src/transport.js";
import { merge, read, Viewer, type Json, type ServerMessage, type ViewerMessage } from "../src/index.js";

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
  steps: { message: Json; action: string }[];
  document: Json;
  version: string | null;
  since: string | null;
}

describe("golden vectors", () => {
  it.each(load<PatchCase>("patch"))("patch: $name", ({ document, patches, result }) => {
    expect(patches.reduce<Json>((doc, patch) => merge(doc, patch), document)).toEqual(result);
  });

  it.each(load<ViewerCase>("viewer"))("viewer: $name", ({ steps, document, version, since }) => {
    const viewer = new Viewer();
    for (const { message, action } of steps) expect(viewer.receive(read(JSON.stringify(message)))).toBe(action);
    expect(viewer.doc).toEqual(document);
    expect([viewer.version, viewer.since]).toEqual([version, since]);
  });

  it.each(load<{ name: string; text: string; fits: boolean; channel?: string | null }>("reading"))("reading: $name", ({ text, fits, channel }) => {
    expect(read(text)).toEqual(fits ? JSON.parse(text) : { type: "malformed", channel });
  });

  it.each(load<{ name: string; text: string; data: string[] }>("event_stream"))("event stream: $name", ({ text, data }) => {
    for (const step of [text.length, 1, 3]) {
      const told: string[] = [];
      const feed = eventsOf((one) => told.push(one));
      for (let at = 0; at < text.length; at += step) feed(text.slice(at, at + step));
      expect(told).toEqual(data);
    }
  });

  it.each(load<{ name: string; value: string; status: [string, number] | null }>("status_header"))("status header: $name", ({ value, status }) => {
    const message = status && { type: "status", channel: "match:1", status: status[0], behind_ms: status[1] };
    expect(statusOfHeader(value, "match:1")).toEqual(message);
  });

  it.each(load<{ name: string; json: string }>("viewer_messages"))("viewer's message: $name", ({ json }) => {
    expect(JSON.stringify(JSON.parse(json) as ViewerMessage)).toBe(json);
  });

  it.each(load<{ name: string; json: string }>("messages"))("message: $name", ({ json }) => {
    expect(JSON.stringify(JSON.parse(json) as ServerMessage)).toBe(json);
  });
});

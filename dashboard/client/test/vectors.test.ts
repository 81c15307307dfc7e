import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { eventsOf, openWebSocket, statusOfHeader, type Transport } from "../src/transport.js";
import { merge, read, Viewer, type Json } from "../src/index.js";
import { end, handshake, listen, unmasked } from "./websocket.js";

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

  it.each(load<{ name: string; json: string }>("messages"))("message: $name", ({ json }) => {
    expect(read(json)).toEqual(JSON.parse(json));
  });
});

describe("what a viewer says", () => {
  const said = load<{ name: string; json: string }>("viewer_messages");
  const heard: string[] = [];
  let server: Server;
  let transport: Transport;

  beforeAll(async () => {
    server = createServer().on("upgrade", (request, socket: Duplex) => {
      socket.write(handshake(request));
      let bytes = Buffer.alloc(0);
      socket.on("error", () => {}).on("data", (more: Buffer) => {
        bytes = Buffer.concat([bytes, more]);
        for (let taken = unmasked(bytes); taken !== null; taken = unmasked(bytes)) {
          heard.push(taken.text);
          bytes = bytes.subarray(taken.length);
        }
      });
    });
    const url = await listen(server);
    await new Promise<void>((opened) => {
      transport = openWebSocket(url, null, { opened, message: () => {}, closed: () => {} });
    });
  });
  afterAll(() => {
    transport.close();
    end(server);
  });

  it.each(said)("is to the letter: $name", async ({ json }) => {
    const { op, ...rest } = JSON.parse(json) as { op: string; channel: string };
    heard.length = 0;
    if (op === "watch") transport.ask(rest);
    else if (op === "unwatch") transport.leave(rest.channel);
    else transport.say!({ op, ...rest });
    await vi.waitFor(() => expect(heard.at(-1)).toBe(json));
    // Who watches a channel already has left it first.
    expect(heard.slice(0, -1).map((text) => (JSON.parse(text) as { op: string }).op)).toEqual(heard.length > 1 ? ["unwatch"] : []);
  });
});

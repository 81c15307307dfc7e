import { createServer, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { end, frame, handshake, listen } from "../../client/test/websocket.js";
import type { ServerMessage } from "../../client/src/index.js";

const CHANNEL = "match:1";
const name = (n: number): string => `1-${n}.x`;
const delta = (n: number): ServerMessage => ({ type: "delta", channel: CHANNEL, from: name(n - 1), version: name(n), patch: { n }, events: [{ op: "x", n }] });

const page = Object.assign(new EventTarget(), { visibilityState: "visible" });

describe("the store", () => {
  let server: Server;
  let viewer: Duplex;
  const say = (...messages: ServerMessage[]): void => void viewer.write(Buffer.concat(messages.map((message) => frame(Buffer.from(JSON.stringify(message))))));

  beforeAll(async () => {
    server = createServer((_, response) => response.writeHead(404).end());
    server.on("upgrade", (request, socket: Duplex) => {
      viewer = socket.on("error", () => {});
      socket.write(handshake(request));
      // The first of what it says: it wants the channel.
      socket.once("data", () => say({ type: "snapshot", channel: CHANNEL, version: name(0), state: { n: 0 }, feed: [], status: "live" }));
    });
    const origin = await listen(server);
    // What the store needs of a browser; its connection is a real one, which jsdom's documents and Node's sockets do not make together.
    vi.stubGlobal("document", page);
    vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
    vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => setTimeout(() => callback(performance.now()), 16));
    vi.stubGlobal("cancelAnimationFrame", clearTimeout);
    vi.stubGlobal("location", { origin });
  });
  afterAll(() => {
    viewer.destroy();
    end(server);
  });

  it("is brought up to date once a frame, by timer where there are none, and keeps a bounded feed", async () => {
    const { live, store, watch } = await import("./store.js");
    const known = () => store.getState().channels[CHANNEL];
    const unwatch = watch(CHANNEL);
    await vi.waitFor(() => expect(known()?.doc).toEqual({ n: 0 }), 10_000);

    let frames = 0;
    let updates = 0;
    const count = (): void => {
      frames += 1;
      handle = requestAnimationFrame(count);
    };
    let handle = requestAnimationFrame(count);
    const stop = store.subscribe(() => (updates += 1));
    const seen = new Set<unknown>();
    const stopSeeing = store.subscribe(({ channels }) => seen.add(channels[CHANNEL]?.doc.n));
    for (let n = 1; n <= 1_000; n++) say(delta(n));
    await vi.waitFor(() => expect(known()?.doc).toEqual({ n: 1_000 }), 10_000);
    expect(updates).toBeLessThanOrEqual(frames + 1);
    expect(live.messages).toBeGreaterThanOrEqual(1_001);
    expect(known()?.feed.map(({ key }) => key)).toEqual(Array.from({ length: 500 }, (_, i) => 500 + i));

    // Hidden: one update for all that came meanwhile.
    cancelAnimationFrame(handle);
    page.visibilityState = "hidden";
    page.dispatchEvent(new Event("visibilitychange"));
    [updates, frames] = [0, 0];
    seen.clear();
    for (let n = 1_001; n <= 1_200; n++) say(delta(n));
    await vi.waitFor(() => expect(live.view(CHANNEL)?.doc).toEqual({ n: 1_200 }), 10_000);
    await vi.waitFor(() => expect(known()?.doc).toEqual({ n: 1_200 }), 10_000);
    expect(updates).toBeLessThanOrEqual(3);
    expect(seen.size).toBeLessThanOrEqual(2);
    stop();
    stopSeeing();
    unwatch();
    live.close();
  }, 30_000);
});

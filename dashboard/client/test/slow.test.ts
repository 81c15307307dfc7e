/** A gateway whose snapshot takes its time: a connection on which nothing was asked yet is none that is dead. */
import { createServer, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Live, type ServerMessage } from "../src/index.js";
import { end, frame, handshake, listen, unmasked } from "./websocket.js";

const CHANNEL = "match:1";
const SNAPSHOT: ServerMessage = { type: "snapshot", channel: CHANNEL, version: "1-9.i", state: { n: 9 }, feed: [], status: "live" };
/** Longer than a connection may be silent that was asked for something. */
const TAKES_MS = 8_000;

let server: Server;
let url: string;
let opened = 0;
const asked: unknown[] = [];
const words: string[] = [];

beforeAll(async () => {
  server = createServer((_, response) => void setTimeout(() => response.end(JSON.stringify(SNAPSHOT)), TAKES_MS));
  server.on("upgrade", (request, socket: Duplex) => {
    opened++;
    socket.on("error", () => {});
    socket.write(handshake(request));
    socket.on("data", (bytes: Buffer) => {
      const message = unmasked(bytes);
      if (message === null || !message.text.startsWith("{")) return;
      asked.push(JSON.parse(message.text));
      socket.write(frame(Buffer.from(JSON.stringify({ type: "tick", channel: CHANNEL, version: "1-9.i" }))));
    });
  });
  url = await listen(server);
});
afterAll(() => end(server));

it("keeps the connection that it has, and asks there from the version that comes", { timeout: 60_000 }, async () => {
  await new Promise<void>((resolve) => {
    const live = new Live({
      url,
      onChange: () => {
        if (live.connection.value.word !== "live" || asked.length === 0 || live.view(CHANNEL)?.version !== "1-9.i") return;
        live.close();
        resolve();
      },
    });
    live.connection.follow(({ word }) => words.push(word));
    live.watch(CHANNEL);
  });
  expect(opened).toBe(1);
  expect(words).not.toContain("reconnecting");
  expect(asked).toEqual([{ op: "watch", channel: CHANNEL, since: "1-9.i" }]);
});

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Live, type ServerMessage } from "../src/index.js";
import { GOOD, random, spoiled } from "./spoiled.js";
import { end, frame, handshake, listen } from "./websocket.js";

const CHANNEL = "match:1";
const RIGHT: ServerMessage = { type: "snapshot", channel: CHANNEL, version: "1-9.i", state: { n: 9 }, feed: [], status: "live" };
/** Answers that are spoiled before the server does what it should. */
const SPOILED = 6;
const ROUNDS = 24;

interface Round {
  next: (below: number) => number;
  left: number;
}

const text = ({ next }: Round): string => {
  const message = JSON.stringify(GOOD[next(GOOD.length)]);
  return next(3) > 0 ? spoiled(message, next) : message;
};
const bytes = ({ next }: Round, most: number): Buffer => Buffer.from(Array.from({ length: next(most) }, () => next(256)));

describe("a connection that says anything", () => {
  const rounds = Array.from({ length: ROUNDS }, (_, seed): Round => ({ next: random(seed + 1), left: SPOILED }));
  const roundOf = (request: IncomingMessage): Round => rounds[Number(request.url!.split("/")[1])]!;
  let server: Server;
  let url: string;

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const round = roundOf(request);
    const stream = request.url!.includes("/stream");
    if (round.left-- <= 0) {
      response.writeHead(200, { "content-type": stream ? "text/event-stream" : "application/json" });
      return void (stream ? response.write(`data: ${JSON.stringify(RIGHT)}\n\n`) : response.end(JSON.stringify(RIGHT)));
    }
    const fate = round.next(4);
    if (fate === 0) return void request.socket.end(bytes(round, 200));
    const status = [200, 200, 200, 304, 404, 500][round.next(6)]!;
    response.writeHead(status, { "grandstand-status": spoiled("paused;behind_ms=1", round.next).replace(/[^ -~]/g, "?"), "retry-after": "-1" });
    for (let events = round.next(8); events > 0; events--) response.write(stream ? `data: ${text(round)}\n\n` : text(round));
    if (fate === 1) request.socket.destroy();
    else response.end();
  };

  const upgrade = (request: IncomingMessage, socket: Duplex): void => {
    const round = roundOf(request);
    socket.on("error", () => {});
    const head = handshake(request);
    if (round.left-- <= 0) {
      socket.write(head);
      socket.write(frame(Buffer.from(JSON.stringify(RIGHT))));
      return;
    }
    const fate = round.next(5);
    socket.write(fate === 0 ? spoiled(head, round.next) : head);
    for (let messages = round.next(8); messages > 0; messages--) {
      const payload = round.next(4) > 0 ? Buffer.from(text(round)) : bytes(round, 120);
      socket.write(frame(payload, round.next(4) > 0 ? 0x81 : round.next(256)));
    }
    if (fate === 1) socket.end(bytes(round, 60));
    else if (fate === 2) socket.destroy();
    else socket.end(frame(Buffer.from([0x03, 0xe8]), 0x88));
  };

  beforeAll(async () => {
    server = createServer(answer).on("upgrade", upgrade);
    url = await listen(server);
  });
  afterAll(() => end(server));

  it("leaves the client with the right document as soon as it is told that", { timeout: 60_000 }, async () => {
    const ends = await Promise.all(
      rounds.map(
        (_, seed) =>
          new Promise<{ doc: unknown; since: string | null; malformed: number; bytes: number }>((resolve) => {
            const live = new Live({
              url: `${url}/${seed}`,
              random: () => 0,
              onChange: () => {
                if (live.connection.value.word !== "live" || viewer.version !== "1-9.i" || viewer.anew) return;
                live.close();
                resolve({ doc: viewer.doc, since: viewer.since, malformed: live.malformed, bytes: live.bytes });
              },
            });
            const viewer = live.watch(CHANNEL);
          }),
      ),
    );
    for (const { doc, since, bytes: heard } of ends) {
      expect([doc, since]).toEqual([{ n: 9 }, "1-9.i"]);
      expect(heard).toBeGreaterThan(0);
    }
    expect(ends.filter(({ malformed }) => malformed > 0).length).toBeGreaterThan(ROUNDS / 2);
    expect(rounds.every(({ left }) => left < SPOILED)).toBe(true);
  });
});

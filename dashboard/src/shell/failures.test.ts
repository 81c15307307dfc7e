import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Live } from "../../client/src/index.js";
import { countFailure, tellFailures } from "./failures.js";

/** What the gateway answers to the reports, one after another; null cuts the connection. */
const ANSWERS = [503, null, 429, 204, 204];
const told: number[] = [];
let server: Server;
let live: Live;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => (body += piece));
    request.on("end", () => {
      expect([request.method, request.url]).toEqual(["POST", "/v1/beats"]);
      const answer = ANSWERS[told.length] ?? null;
      told.push((JSON.parse(body) as { failures: number }).failures);
      if (answer === null) request.socket.destroy();
      else response.writeHead(answer).end();
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  live = new Live({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, share: false });
});

afterAll(() => {
  live.close();
  server.close();
});

it("is told until somebody has taken it, and once", async () => {
  const tell = (): Promise<void> => tellFailures((failures) => live.beat({ browser: "other", failures }));
  countFailure();
  countFailure();
  await tell();
  countFailure();
  // One that fails while the report is on its way belongs to the next one.
  await Promise.all([tell(), Promise.resolve().then(countFailure)]);
  await tell();
  await tell();
  await tell();
  expect(told).toEqual([2, 3, 4, 4, 0]);
});

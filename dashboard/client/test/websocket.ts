/** The server's side of a WebSocket (RFC 6455), as little as a test needs of it. */
import { createHash } from "node:crypto";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Its address, once it listens. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export function end(server: Server): void {
  server.closeAllConnections();
  server.close();
}

/** The answer that opens it. */
export function handshake(request: IncomingMessage): string {
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: grandstand.v1.json\r\n\r\n`;
}

/** A frame of up to 64 KiB; `first` is its first byte, 0x81 for a whole text. */
export function frame(payload: Buffer, first = 0x81): Buffer {
  const head = payload.length > 125 ? Buffer.from([first, 126, payload.length >> 8, payload.length & 255]) : Buffer.from([first, payload.length]);
  return Buffer.concat([head, payload]);
}

/** The first whole frame of a client's bytes, of up to 64 KiB: its text and how many bytes it took; null while it is not whole. */
export function unmasked(bytes: Buffer): { text: string; length: number } | null {
  if (bytes.length < 2) return null;
  const long = (bytes[1]! & 127) === 126;
  const at = long ? 4 : 2;
  if (bytes.length < at + 4) return null;
  const size = long ? bytes.readUInt16BE(2) : bytes[1]! & 127;
  if (bytes.length < at + 4 + size) return null;
  const payload = bytes.subarray(at + 4, at + 4 + size).map((byte, i) => byte ^ bytes[at + (i % 4)]!);
  return { text: payload.toString(), length: at + 4 + size };
}

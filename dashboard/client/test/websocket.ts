/** The server's side of a WebSocket (RFC 6455), as little as a test needs of it. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";

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

"""A WebSocket and event-stream peer on a plain blocking socket, for tests of the protocol. Never imports the gateway."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from tests.model.twin import merge
from tests.patience import PATIENCE_S

TIMEOUT_S = PATIENCE_S


class Closed(Exception):
    """The server closed the connection; `code` is that of its close frame, None without one."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Peer:
    """One connection to the server.

    Attributes:
        status: the status code of the handshake's answer.
        headers: its headers, names in lower case.
        body: what followed a refusal.
        deflate: whether permessage-deflate was agreed on.
        window_bits: of the server's compression.
        compressed: compressed messages received.
    """

    def __init__(self, port: int, receive_buffer_bytes: int | None = None, tls: Any = None) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer_bytes is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(("127.0.0.1", port))
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.buffer = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.deflate = False
        self.window_bits = 15
        self.compressed = 0

    def request(self, head: bytes) -> None:
        """Sends a request head and reads the answer's head."""
        self.sock.sendall(head)
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        answer, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = answer.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        if self.status >= 200 and "content-length" in self.headers:
            while len(self.buffer) < int(self.headers["content-length"]):
                self._more()
            length = int(self.headers["content-length"])
            self.body, self.buffer = self.buffer[:length], self.buffer[length:]

    def upgrade(self, target: str, **headers: str) -> Peer:
        """Asks for a WebSocket; checks Sec-WebSocket-Accept when it is given."""
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        head = f"GET {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items()) + "\r\n"
        self.request(head.encode())
        if self.status == 101:
            digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            assert self.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()
            agreed = self.headers.get("sec-websocket-extensions", "")
            self.deflate = agreed.startswith("permessage-deflate")
            if "server_max_window_bits=" in agreed:
                self.window_bits = int(agreed.partition("server_max_window_bits=")[2])
        return self

    def frame(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload, inflated; the server's frames are whole and unmasked."""
        while True:
            parsed = _split(self.buffer)
            if parsed is not None:
                first, payload, self.buffer = parsed
                assert first & 0xB0 == 0x80, "the server's frames are whole"
                if first & 0x40:
                    assert self.deflate, "compressed without an agreement"
                    self.compressed += 1
                    payload = zlib.decompressobj(-self.window_bits).decompress(payload + b"\x00\x00\xff\xff")
                return first & 0x0F, payload
            self._more()

    def message(self) -> dict[str, Any]:
        """The next JSON message; answers pings.

        Raises:
            Closed
        """
        while True:
            opcode, payload = self.frame()
            if opcode == 1:
                value: dict[str, Any] = json.loads(payload)
                return value
            if opcode == 9:
                self.send(payload, opcode=10)
            elif opcode == 8:
                raise Closed(struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None)

    def next(self, kind: str) -> dict[str, Any]:
        """The next message of that type; others are passed over."""
        while True:
            message = self.message()
            if message["type"] == kind:
                return message

    def send(self, payload: bytes, opcode: int = 1, fin: bool = True, compressed: bool = False) -> None:
        """Sends one masked frame, its payload compressed if asked for."""
        self.sock.sendall(masked(payload, opcode, fin, compressed))

    def say(self, **message: Any) -> None:
        """Sends a JSON message."""
        self.send(json.dumps(message).encode())

    def _more(self) -> None:
        data = self.sock.recv(262_144)
        if not data:
            raise Closed(None)
        self.buffer += data

    def stream(self, channel: str, **headers: str) -> Peer:
        """Asks for an event stream."""
        fields = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        head = f"GET /v1/channels/{channel}/stream HTTP/1.1\r\n"
        self.request((head + "".join(f"{n}: {v}\r\n" for n, v in fields.items()) + "\r\n").encode())
        return self

    def event(self) -> tuple[str | None, dict[str, Any]]:
        """The next event of the stream: its id and its message."""
        while True:
            head, separator, rest = self.buffer.partition(b"\r\n")
            if separator:
                size = int(head, 16)
                if size == 0:
                    raise Closed(None)
                if len(rest) >= size + 2:
                    chunk, self.buffer = rest[:size], rest[size + 2 :]
                    fields = dict(line.split(": ", 1) for line in chunk.decode().splitlines() if ": " in line)
                    return fields.get("id"), json.loads(fields["data"])
            self._more()

    def close(self) -> None:
        """Closes without a word."""
        self.sock.close()


def masked(payload: bytes, opcode: int = 1, fin: bool = True, compressed: bool = False) -> bytes:
    """One frame of a client."""
    if compressed:
        deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
        payload = (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
    mask = os.urandom(4)
    first = (0x80 if fin else 0) | (0x40 if compressed else 0) | opcode
    if len(payload) < 126:
        head = struct.pack(">BB", first, 0x80 | len(payload))
    elif len(payload) < 65536:
        head = struct.pack(">BBH", first, 0x80 | 126, len(payload))
    else:
        head = struct.pack(">BBQ", first, 0x80 | 127, len(payload))
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def _split(data: bytes) -> tuple[int, bytes, bytes] | None:
    """First byte, payload and rest; None: not whole yet."""
    if len(data) < 2:
        return None
    assert not data[1] & 0x80, "a server must not mask"
    length, start = data[1] & 0x7F, 2
    if length == 126:
        if len(data) < 4:
            return None
        length, start = struct.unpack(">H", data[2:4])[0], 4
    elif length == 127:
        if len(data) < 10:
            return None
        length, start = struct.unpack(">Q", data[2:10])[0], 10
    if len(data) < start + length:
        return None
    return data[0], data[start : start + length], data[start + length :]


class Document:
    """What a viewer holds, by the rules of the protocol, written here once more from its text."""

    def __init__(self) -> None:
        self.state: Any = None
        self.version: str | None = None
        self.snapshots = 0
        self.deltas = 0
        self.events: list[dict[str, Any]] = []

    def receive(self, message: dict[str, Any]) -> None:
        """Applies a message; a gap or a duplicate is an error here."""
        if message["type"] == "snapshot":
            self.state, self.version = message["state"], message["version"]
            self.snapshots += 1
        elif message["type"] == "delta":
            assert message["from"] == self.version, f"holds {self.version}, got a delta from {message['from']}"
            self.state = merge(self.state, message["patch"])
            self.version = message["version"]
            self.deltas += 1
            self.events += message.get("events", [])
        elif message["type"] == "tick":
            assert message["version"] == self.version


@contextlib.contextmanager
def peer(port: int, **options: Any) -> Iterator[Peer]:
    """A peer that is closed at the end."""
    connection = Peer(port, **options)
    try:
        yield connection
    finally:
        connection.close()

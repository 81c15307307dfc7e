"""The other end of the load client: a listening socket, and connections whose every byte the test writes itself.

One thread: the swarm is polled while the test waits for something. Never imports the gateway.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator

from native.swarm import Swarm
from tests.patience import PATIENCE_S

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def until(swarm: Swarm, condition: Callable[[], bool], what: str) -> None:
    """Polls the swarm until the condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}: {swarm.summary()}"
        swarm.poll(2)


def total(swarm: Swarm, name: str) -> int:
    """One number of the summary."""
    value = swarm.summary()[name]
    assert isinstance(value, int)
    return value


def frame(
    payload: bytes, opcode: int = 1, fin: bool = True, first: int | None = None, form: int | None = None
) -> bytes:
    """A server's frame; `first` and `form` (126 or 127) make odd ones."""
    begin = first if first is not None else (0x80 if fin else 0) | opcode
    if form == 127 or (form is None and len(payload) > 65535):
        return struct.pack(">BBQ", begin, 127, len(payload)) + payload
    if form == 126 or (form is None and len(payload) > 125):
        return struct.pack(">BBH", begin, 126, len(payload)) + payload
    return struct.pack(">BB", begin, len(payload)) + payload


def version(number: int) -> str:
    """A version that looks like one."""
    return f"7-{number}.{number * 2654435761 % 2**32:08x}"


def delta(number: int, channel: str = "match:1", before: int | None = None, **patch: object) -> bytes:
    """The delta that leads to version `number`."""
    return json.dumps(
        {
            "type": "delta",
            "channel": channel,
            "from": version(number - 1 if before is None else before),
            "version": version(number),
            "patch": patch,
        },
        separators=(",", ":"),
    ).encode()


def snapshot(number: int, channel: str = "match:1", **state: object) -> bytes:
    """A snapshot at version `number`."""
    message = {
        "type": "snapshot",
        "channel": channel,
        "version": version(number),
        "state": state,
        "feed": [],
        "status": "live",
    }
    return json.dumps(message, separators=(",", ":")).encode()


class Connection:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, swarm: Swarm) -> None:
        self.sock = sock
        self.sock.setblocking(False)
        self.swarm = swarm
        self.received = b""
        self.ended = False
        self.request = ""
        self.headers: dict[str, str] = {}

    def pump(self) -> None:
        """Takes what has arrived."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            self.ended = True
            return
        self.received += data
        self.ended = self.ended or not data

    def read_head(self) -> None:
        """Waits for the request."""

        def whole() -> bool:
            self.pump()
            return b"\r\n\r\n" in self.received

        until(self.swarm, whole, "the request")
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        self.request = lines[0]
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}

    def answer(self, **fields: str | None) -> bytes:
        """The right 101; fields replace or (None) remove its own: `upgrade`, `connection`, `accept`, `x_name`."""
        key = self.headers["sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        lines = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        names = {"upgrade": "Upgrade", "connection": "Connection", "accept": "Sec-WebSocket-Accept"}
        for name, value in fields.items():
            lines.pop(names.get(name, ""), None)
            if value is not None:
                lines[names.get(name, name.replace("_", "-"))] = value
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 101 Switching Protocols\r\n{text}\r\n".encode()

    def send(self, data: bytes) -> None:
        """Sends all of it, polling the swarm while the socket is full."""
        view = memoryview(data)

        def sent() -> bool:
            nonlocal view
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                return False
            return not view

        until(self.swarm, sent, "the socket to take all")

    def client_frame(self) -> tuple[int, bytes]:
        """The next frame of the client, unmasked; it must be masked."""
        while True:
            if len(self.received) >= 2:
                length, head = self.received[1] & 0x7F, 2
                if length == 126 and len(self.received) >= 4:
                    length, head = struct.unpack(">H", self.received[2:4])[0], 4
                if len(self.received) >= head + 4 + length:
                    assert self.received[1] & 0x80, "a client's frame must be masked"
                    mask = self.received[head : head + 4]
                    body = self.received[head + 4 : head + 4 + length]
                    opcode = self.received[0] & 0x0F
                    self.received = self.received[head + 4 + length :]
                    return opcode, bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))
            before = len(self.received)

            def more(before: int = before) -> bool:
                self.pump()
                return len(self.received) > before

            until(self.swarm, more, "a frame of the client")

    def wait_end(self) -> None:
        """Waits until the client has closed."""

        def ended() -> bool:
            self.pump()
            return self.ended

        until(self.swarm, ended, "the end of the connection")

    def close(self) -> None:
        """Closes the socket."""
        self.sock.close()


class Listener:
    """A listening socket on a free port."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]
        self.connections: list[Connection] = []

    def accept(self, swarm: Swarm) -> Connection:
        """The next connection, its request read."""
        found: list[socket.socket] = []

        def accepted() -> bool:
            try:
                found.append(self.sock.accept()[0])
            except BlockingIOError:
                return False
            return True

        until(swarm, accepted, "a connection")
        connection = Connection(found[0], swarm)
        self.connections.append(connection)
        connection.read_head()
        return connection

    def open(self, swarm: Swarm, opened: int = 1, **fields: str | None) -> Connection:
        """Accepts a WebSocket; returns when `opened` members are open."""
        connection = self.accept(swarm)
        connection.send(connection.answer(**fields))
        until(swarm, lambda: swarm.opened >= opened, "the member to be open")
        return connection

    def close(self) -> None:
        """Closes everything."""
        for connection in self.connections:
            connection.close()
        self.sock.close()


def listener() -> Iterator[Listener]:
    """For a fixture."""
    server = Listener()
    yield server
    server.close()

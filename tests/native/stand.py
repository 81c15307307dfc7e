"""A table, its fan-out and viewers on real sockets. Speaks the wire by itself: shares no code with what it tests."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from native.connections import SSE, WS, Table
from native.fanout import Fanout
from tests.patience import PATIENCE_S

HEAD = b"GET /v1/live HTTP/1.1\r\nhost: x\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
Event = tuple[Any, ...]


def masked(
    opcode: int, payload: bytes = b"", final: bool = True, mask: bytes = b"\x11\x22\x33\x44", first: int = 0
) -> bytes:
    """One frame of a client."""
    size = len(payload)
    head = bytes([first or (0x80 if final else 0) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    return head + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))


class Viewer:
    """The far end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.got = bytearray()
        self.ended = False
        sock.setblocking(False)

    def send(self, data: bytes) -> None:
        self.sock.setblocking(True)
        self.sock.sendall(data)
        self.sock.setblocking(False)

    def take(self) -> bytes:
        """Reads what is there."""
        while not self.ended:
            try:
                data = self.sock.recv(1 << 20)
            except BlockingIOError:
                break
            except ConnectionResetError:
                self.ended = True
                break
            self.ended = not data
            self.got += data
        return bytes(self.got)

    def frames(self) -> list[tuple[int, bytes]]:
        """The complete server frames received so far, taken out."""
        self.take()
        out = []
        while len(self.got) >= 2:
            assert self.got[0] & 0x70 == 0
            assert self.got[1] & 0x80 == 0
            size, head = self.got[1], 2
            if size == 126:
                if len(self.got) < 4:
                    break
                size, head = struct.unpack_from(">H", self.got, 2)[0], 4
            elif size == 127:
                if len(self.got) < 10:
                    break
                size, head = struct.unpack_from(">Q", self.got, 2)[0], 10
            if len(self.got) < head + size:
                break
            out.append((self.got[0] & 0x0F, bytes(self.got[head : head + size])))
            del self.got[: head + size]
        return out


class Stand:
    """A table with everything that a test needs around it; `end` closes it all."""

    def __init__(self, **limits: int) -> None:
        self.table = Table(limits.pop("max_connections", 64), **limits)
        self.fanout = Fanout(self.table)
        self.events: list[Event] = []
        self.viewers: list[Viewer] = []
        self.groups: list[int] = []

    def again(self, **limits: int) -> Table:
        """A new table with other limits in place of the first."""
        self.end()
        self.__init__(**limits)  # type: ignore[misc]
        return self.table

    def end(self) -> None:
        self.table.close_all()
        for group in self.groups:
            self.table.group_free(group)
        self.groups.clear()
        for viewer in self.viewers:
            viewer.sock.close()

    def group(self) -> int:
        """A new group, freed at the end."""
        number = self.table.group_new()
        self.groups.append(number)
        return number

    def poll(self, budget_us: int = 2000) -> list[Event]:
        """Polls once; the events are kept, too."""
        new = self.table.poll(budget_us)
        self.events += new
        return new

    def until(self, done: Callable[[], Any]) -> Any:
        """Polls until `done` gives something true."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            result = done()
            if result:
                return result
            assert time.monotonic() < deadline, f"not in time; events: {self.events}"
            select.select([self.table.fileno()], [], [], 0.01)
            self.poll()

    def of(self, kind: str) -> list[Event]:
        """The events of one kind so far."""
        return [event for event in self.events if event[0] == kind]

    def event(self, kind: str) -> Event:
        """Waits for the first event of that kind, and takes it out."""
        found = self.until(lambda: self.of(kind))[0]
        self.events.remove(found)
        return found

    def viewer(self, *, small: bool = False) -> tuple[Viewer, int]:
        """A connected socket pair, adopted; in state HEAD."""
        ours, theirs = socket.socketpair()
        if small:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        viewer = Viewer(theirs)
        self.viewers.append(viewer)
        conn = self.table.adopt(ours.detach(), 0)
        assert conn
        return viewer, conn

    def parked(self, kind: int = WS, *, small: bool = False, grant: int = 0) -> tuple[Viewer, int]:
        """A viewer that has read its response head."""
        viewer, conn = self.viewer(small=small)
        viewer.send(HEAD)
        self.until(lambda: [e for e in self.of("head") if e[1] == conn])
        self.events = [e for e in self.events if e[:2] != ("head", conn)]
        assert self.table.upgrade(conn, kind, SWITCH, grant)
        assert viewer.take() == SWITCH
        viewer.got.clear()
        return viewer, conn

    def closed(self, conn: int) -> int:
        """Waits for the end of the connection; why."""
        return int(self.until(lambda: [e for e in self.of("closed") if e[1] == conn])[0][2])

    def run(self) -> None:
        """Runs the fan-out to its end."""
        while self.fanout.run():
            pass


__all__ = ["HEAD", "SSE", "SWITCH", "WS", "Stand", "Viewer", "masked"]

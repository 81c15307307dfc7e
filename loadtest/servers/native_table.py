"""The native data plane alone: a table with viewers of one group, sent to by the fan-out or by a plain loop of send().

Runs as a child process. No gateway: what is measured is what the gateway's fan-out adds to the kernel's work.
"""

from __future__ import annotations

import array
import select
import socket
import time
from multiprocessing.connection import Connection
from typing import Any, cast

from loadtest.memory import settled_bytes
from loadtest.payload import delta, moving, snapshot, stamped
from loadtest.publisher import STEP_S
from loadtest.servers.child import raise_descriptor_limit
from native.connections import Table
from native.deflate import Deflater
from native.fanout import Fanout
from native.floor import send_all
from native.frames import Frame, accept_key, ws_frame

WS = 1
SLICE_US = 2000
STAMPED_BYTES = 200
"""About what the gateway sends of one event."""
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n%b\r\n"
EXTENSION = b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"


def main(pipe: Connection, viewers: int, port: int = 0, deflate: bool = False) -> None:
    """The child's main function; a `port` may be shared by several processes, as workers share theirs."""
    raise_descriptor_limit()
    NativeServer(pipe, viewers, port, deflate).run()


class NativeServer:
    """Accepts, parks and sends as it is told."""

    def __init__(self, pipe: Connection, viewers: int, port: int, deflate: bool) -> None:
        self._pipe = pipe
        self._deflater = Deflater(level=6, window_bits=15, min_bytes=0) if deflate else None
        self._slices_us: list[float] = []
        # Before the table: what it prepares for its viewers is counted as theirs.
        self._idle_bytes = settled_bytes()
        self._table = Table(viewers + 16)
        self._fanout = Fanout(self._table)
        self._group = self._table.group_new()
        self._number = 1
        self._flushed = 1
        self._snapshot = ws_frame(snapshot(self._number), False)
        # Descriptors in the table's own order of acceptance, for the floor.
        self._descriptors = array.array("i")
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096, reuse_port=port != 0)
        self._listener.setblocking(False)

    def run(self) -> None:
        """Serves until told to exit."""
        self._pipe.send(self._listener.getsockname()[1])
        ready = select.poll()
        ready.register(self._pipe.fileno(), select.POLLIN)
        ready.register(self._listener.fileno(), select.POLLIN)
        ready.register(self._table.fileno(), select.POLLIN)
        while True:
            for descriptor, _ in ready.poll():
                if descriptor == self._listener.fileno():
                    self._accept()
                elif descriptor == self._table.fileno():
                    self._upgrade()
                else:
                    command, *arguments = self._pipe.recv()
                    if command == "exit":
                        self._table.close_all()
                        return
                    self._pipe.send(getattr(self, f"on_{command}")(*arguments))

    def _accept(self) -> None:
        for _ in range(64):
            try:
                connection, _address = self._listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            descriptor = connection.detach()
            self._descriptors.append(descriptor)
            self._table.adopt(descriptor, 0)

    def _upgrade(self) -> None:
        for event in self._table.poll(SLICE_US):
            if event[0] == "head":
                conn, head = cast(tuple[int, bytes], (event[1], event[3]))
                key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
                deflate = self._deflater is not None
                answer = ANSWER % (accept_key(key.partition(b":")[2].strip()), EXTENSION if deflate else b"")
                self._table.upgrade(conn, WS, answer, deflate=deflate)
                self._table.subscribe(conn, self._group, self._flushed, self._snapshot)

    def on_clock(self) -> float:
        """Processor time of this process, user and system."""
        return time.process_time()

    def on_flush(self, how: str) -> int:
        """Sends the next message to everybody; returns how many viewers it was sent to."""
        self._number += 1
        frame = self._frame()
        if how == "floor":
            return int(send_all(self._descriptors, bytes(frame)))
        self._fanout.start(self._group, frame, self._flushed, self._flushed + 1)
        self._flushed += 1
        more = True
        while more:
            began_s = time.thread_time()
            more = self._fanout.run(SLICE_US)
            self._slices_us.append((time.thread_time() - began_s) * 1e6)
        return self._table.group_size(self._group) - self._table.group_behind(self._group)

    def on_paced(self, frames_per_s: float, duration_s: float) -> tuple[int, float]:
        """Sends to one after the other by the plain loop, in the bursts of a publisher, and sleeps between them.

        Returns:
            Frames sent, and the processor time that they took.
        """
        began_s, used_s = time.monotonic(), time.process_time()
        sent, data = 0, b""
        while (passed_s := time.monotonic() - began_s) < duration_s:
            due = int(passed_s * frames_per_s) - sent
            at = sent % len(self._descriptors)
            if at == 0 and due:
                self._number += 1
                data = bytes(self._frame())
            sent += send_all(self._descriptors[at : at + due], data)
            time.sleep(STEP_S)
        return sent, time.process_time() - used_s

    def _frame(self) -> Frame:
        if self._deflater is not None:
            return self._deflater.frame(moving(self._number), False)
        return ws_frame(delta(self._number), False)

    def on_slice_p999_us(self) -> float:
        """How long the fan-out ran at a time: percentile 99.9 of all slices, in processor time."""
        return sorted(self._slices_us)[int(len(self._slices_us) * 0.999)] if self._slices_us else 0.0

    def on_stamped(self, sent_us: int) -> int:
        """Sends a message with a moment in it to everybody, by the plain loop; returns how many took it."""
        self._number += 1
        frame = ws_frame(stamped(self._number, sent_us, STAMPED_BYTES), False)
        return int(send_all(self._descriptors, bytes(frame)))

    def on_memory(self) -> dict[str, Any]:
        """Bytes beyond the idle process, for each viewer; the floor's own list of descriptors is not counted."""
        held = settled_bytes() - self._idle_bytes - self._descriptors.itemsize * len(self._descriptors)
        return {
            "idle_bytes": self._idle_bytes,
            "beyond_idle_bytes": held,
            "bytes_per_viewer": held / max(1, self._table.group_size(self._group)),
            "table": self._table.stats(),
        }

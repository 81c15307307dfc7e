"""The server of `python -m loadtest.ways`: viewers are let in as for the fan-out's bench, then sent to in the ways of ways.c."""

from __future__ import annotations

import array
import ctypes
import random
import subprocess
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from loadtest.payload import delta
from loadtest.servers.child import raise_descriptor_limit
from loadtest.servers.native_table import NativeServer
from native.frames import ws_frame

SOURCE = Path(__file__).with_name("ways.c")
PARTS = 4
WAYS = {
    "loop": "`send()` in the order of the descriptors",
    "shuffled": "... in random order",
    "helper": "... a second thread has one half",
    "uring": "io_uring, 256 sends a call",
    "zerocopy": "`MSG_ZEROCOPY`",
    "parts": f"`send()` for each of {PARTS} channels of a connection",
    "cork": f"one `sendmsg()` for {PARTS} channels of a connection",
}
CORKED = {"parts": PARTS, "cork": PARTS}
"""Messages that one flush of a way has."""


def main(pipe: Connection, viewers: int, size_bytes: int) -> None:
    """The child's main function."""
    raise_descriptor_limit()
    WaysServer(pipe, viewers, size_bytes).run()


class WaysServer(NativeServer):
    """Sends frames of `size_bytes` in the way asked for."""

    def __init__(self, pipe: Connection, viewers: int, size_bytes: int) -> None:
        super().__init__(pipe, viewers, 0, False)
        self._size_bytes = size_bytes
        self._shuffled: array.array[int] = array.array("i")
        with tempfile.TemporaryDirectory() as directory:
            library = Path(directory) / "ways.so"
            subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-pthread", "-o", library, SOURCE], check=True)
            self._library = ctypes.CDLL(str(library))

    def on_way(self, way: str) -> tuple[int, float]:
        """Sends the next message or messages to everybody; how many took all, and the wall time of it in seconds."""
        messages = CORKED.get(way, 1)
        data = b""
        for _ in range(messages):
            self._number += 1
            data += bytes(ws_frame(delta(self._number, self._size_bytes), False))
        descriptors = self._descriptors
        if way == "shuffled":
            if len(self._shuffled) != len(descriptors):
                self._shuffled = array.array("i", random.Random(1).sample(descriptors, len(descriptors)))
            descriptors = self._shuffled
        send = getattr(self._library, "way_loop" if way == "shuffled" else f"way_{way}")
        send.restype = ctypes.c_long
        address, count = descriptors.buffer_info()
        arguments = [ctypes.c_void_p(address), ctypes.c_long(count), ctypes.c_char_p(data), ctypes.c_size_t(len(data))]
        if way in CORKED:
            arguments.append(ctypes.c_int(PARTS))
        began_s = time.monotonic()
        reached = int(send(*arguments))
        return reached, time.monotonic() - began_s

"""The floor of opening handshakes as a child process: a C loop of accept(), recv() and send()."""

from __future__ import annotations

import socket
from multiprocessing.connection import Connection

from loadtest.payload import snapshot
from loadtest.servers.child import raise_descriptor_limit
from native.floor import OpeningFloor
from native.frames import ws_frame


def main(pipe: Connection, _viewers: int) -> None:
    """The child's main function: serves until the pipe says anything."""
    raise_descriptor_limit()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        listener.setblocking(False)
        floor = OpeningFloor(listener.fileno(), pipe.fileno(), bytes(ws_frame(snapshot(1), False)))
        pipe.send(listener.getsockname()[1])
        floor.serve()

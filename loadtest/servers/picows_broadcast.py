"""The peer: a plain broadcast with picows as its users write it, a transport per viewer and a loop over them.

Runs as a child process on uvloop.
"""

from __future__ import annotations

import asyncio
import time
from multiprocessing.connection import Connection
from typing import Any

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from loadtest.memory import settled_bytes
from loadtest.payload import delta, snapshot
from loadtest.servers.child import raise_descriptor_limit


def main(pipe: Connection, viewers: int) -> None:
    """The child's main function."""
    raise_descriptor_limit()
    uvloop.run(PicowsServer(pipe).run())


class _Viewer(WSListener):
    def __init__(self, server: PicowsServer) -> None:
        self._server = server

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._server.transports.add(transport)
        transport.send(WSMsgType.TEXT, snapshot(self._server.number))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._server.transports.discard(transport)


class PicowsServer:
    """Broadcasts as it is told."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.transports: set[WSTransport] = set()
        self.number = 1
        self._ended = asyncio.Event()
        self._idle_bytes = 0

    async def run(self) -> None:
        """Serves until told to exit."""

        def viewer(_request: WSUpgradeRequest) -> _Viewer:
            return _Viewer(self)

        server = await ws_create_server(viewer, "127.0.0.1", 0, backlog=4096)
        self._idle_bytes = settled_bytes()
        self._pipe.send(server.sockets[0].getsockname()[1])
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._command)
        await self._ended.wait()
        server.close()

    def _command(self) -> None:
        command, *arguments = self._pipe.recv()
        if command == "exit":
            self._ended.set()
            return
        self._pipe.send(getattr(self, f"on_{command}")(*arguments))

    def on_clock(self) -> float:
        """Processor time of this process, user and system."""
        return time.process_time()

    def on_flush(self, _how: str) -> int:
        """Sends the next message to everybody."""
        self.number += 1
        message = delta(self.number)
        for transport in self.transports:
            transport.send(WSMsgType.TEXT, message)
        return len(self.transports)

    def on_memory(self) -> dict[str, Any]:
        """Bytes beyond the idle process, for each viewer."""
        held = settled_bytes() - self._idle_bytes
        return {
            "idle_bytes": self._idle_bytes,
            "beyond_idle_bytes": held,
            "bytes_per_viewer": held / max(1, len(self.transports)),
        }

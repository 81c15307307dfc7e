"""The peer: a plain broadcast with PyPI `websockets` as its users write it. Runs as a child process on uvloop."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from loadtest.payload import delta, snapshot
from loadtest.servers.child import raise_descriptor_limit


def main(pipe: Connection, _viewers: int) -> None:
    """The child's main function."""
    raise_descriptor_limit()
    uvloop.run(WebsocketsServer(pipe).run())


class WebsocketsServer:
    """Broadcasts as it is told."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._viewers: set[ServerConnection] = set()
        self._number = 1
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serves until told to exit."""
        server = await serve(
            self._viewer, "127.0.0.1", 0, backlog=4096, compression=None, ping_interval=None, open_timeout=60
        )
        self._pipe.send(next(iter(server.sockets)).getsockname()[1])
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._command)
        await self._ended.wait()
        server.close(close_connections=True)

    async def _viewer(self, viewer: ServerConnection) -> None:
        self._viewers.add(viewer)
        try:
            await viewer.send(snapshot(self._number).decode())
            await viewer.wait_closed()
        finally:
            self._viewers.discard(viewer)

    def _command(self) -> None:
        command, *arguments = self._pipe.recv()
        if command == "exit":
            self._ended.set()
            return
        self._pipe.send(getattr(self, f"on_{command}")(*arguments))

    def on_flush(self, _how: str) -> Any:
        """Sends the next message to everybody."""
        self._number += 1
        broadcast(self._viewers, delta(self._number).decode())
        return len(self._viewers)

"""The peer: a plain broadcast with PyPI `websockets` as its users write it. Runs as a child process on uvloop."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

from loadtest.memory import settled_bytes
from loadtest.payload import delta, moving, snapshot
from loadtest.servers.child import raise_descriptor_limit


def main(pipe: Connection, _viewers: int, deflate: bool = False) -> None:
    """The child's main function."""
    raise_descriptor_limit()
    uvloop.run(WebsocketsServer(pipe, deflate).run())


class WebsocketsServer:
    """Broadcasts as it is told."""

    def __init__(self, pipe: Connection, deflate: bool) -> None:
        self._pipe = pipe
        self._deflate = deflate
        self._idle_bytes = 0
        self._viewers: set[ServerConnection] = set()
        self._number = 1
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serves until told to exit."""
        extensions = [ServerPerMessageDeflateFactory(server_no_context_takeover=True)] if self._deflate else None
        server = await serve(
            self._viewer,
            "127.0.0.1",
            0,
            backlog=4096,
            compression=None,
            extensions=extensions,
            ping_interval=None,
            open_timeout=60,
        )
        self._idle_bytes = settled_bytes()
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
        message = moving(self._number) if self._deflate else delta(self._number)
        broadcast(self._viewers, message.decode())
        return len(self._viewers)

    def on_memory(self) -> dict[str, Any]:
        """Bytes beyond the idle process."""
        return {"beyond_idle_bytes": settled_bytes() - self._idle_bytes}

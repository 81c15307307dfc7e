"""In-process TLS: decrypts on the event loop and feeds a socket pair whose other end is in the native table.

So a TLS viewer is served by the same code as any other, with the same limits; the price is one copy and two
descriptors. Back-pressure passes through: a full side pauses the other.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import cast

from gateway.edge.live import PUBLIC
from native.connections import Table

HIGH_WATER_BYTES = 65_536


def tls_context(cert: Path, key: Path) -> ssl.SSLContext:
    """The server's TLS settings: 1.2 and newer, HTTP/1.1 only.

    Raises:
        OSError, ssl.SSLError: the files cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(cert, key)
    return context


class _Side(asyncio.Protocol):
    """One end of the pump."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by inheritance.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        for data in self._early:
            self.transport.write(data)
        self._early.clear()

    def write(self, data: bytes) -> None:
        """Passes on what the other side received; before this side is connected it waits (the other is paused)."""
        if self.transport is None:
            self._early.append(data)
        else:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()
        self.other = None


class _Outer(_Side):
    """The TLS end: when the handshake is done, it opens the inner end."""

    def __init__(self, table: Table, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[object]]) -> None:
        super().__init__()
        self._table = table
        self._loop = loop
        self._tasks = tasks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        inner = _Side()
        self.other, inner.other = inner, self
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._table.adopt(theirs.detach(), PUBLIC)
        task: asyncio.Task[object] = self._loop.create_task(self._loop.create_connection(lambda: inner, sock=ours))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class TlsFront:
    """Listens for TLS and pumps into the table.

    Args:
        close_timeout_s: how long a peer's close_notify is awaited (RFC 8446 section 6.1) once the table has ended a connection.
    """

    def __init__(
        self, table: Table, context: ssl.SSLContext, loop: asyncio.AbstractEventLoop, close_timeout_s: float
    ) -> None:
        self._table = table
        self._context = context
        self._loop = loop
        self._close_timeout_s = close_timeout_s
        self._tasks: set[asyncio.Task[object]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        """Begins to accept on a listening socket."""
        self._server = await self._loop.create_server(
            lambda: _Outer(self._table, self._loop, self._tasks),
            sock=sock,
            ssl=self._context,
            ssl_handshake_timeout=10,
            ssl_shutdown_timeout=self._close_timeout_s,
        )

    def stop(self) -> None:
        """Accepts no more."""
        if self._server is not None:
            self._server.close()

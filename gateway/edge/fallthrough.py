"""Plain HTTP on the same port: hands a connection from the native table to uvicorn's httptools protocol.

The bytes already read are given to it first. A kept-alive connection that later asks for a WebSocket or an event stream
(as proxies that reuse connections do) comes back to the table.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.edge.failures import BadRequest, response
from gateway.edge.live import PUBLIC
from gateway.observe import metrics
from gateway.observe.log import logger
from native.connections import Table

SNIFF_PREFIX = b"GET /v1/"
LINE_MAX = 8192
"""A request line that is longer does not ask for a stream."""
KEEP_ALIVE_S = 15


class FallThrough:
    """Serves plain HTTP for connections that the door passes on."""

    def __init__(self, table: Table, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._table = table
        self._loop = loop
        self._config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._config.load()
        self._state = ServerState()
        self._state.default_headers = self._config.encoded_headers
        self._tasks: set[asyncio.Task[Any]] = set()

    def take(self, conn: int) -> None:
        """Moves the connection, which waits with its first bytes, to HTTP."""
        released = self._table.release(conn)
        if released is None:
            return
        fd, prefix = released
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        make = self._maker(prefix)
        task = self._loop.create_task(self._loop.connect_accepted_socket(make, sock))
        self._tasks.add(task)
        task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.info("http_connection_lost_early", error=type(error).__name__)

    def _maker(self, prefix: bytes) -> Callable[[], HttpToolsProtocol]:
        return lambda: _Http(self._config, self._state, prefix, self._come_back)

    def _come_back(self, transport: asyncio.Transport, data: bytes) -> None:
        sock = transport.get_extra_info("socket")
        fd = os.dup(sock.fileno())
        # The transport's own descriptor, and with it its epoll registration, goes before the copy is registered.
        transport.abort()
        self._loop.call_soon(self._adopt, fd, data)

    def _adopt(self, fd: int, data: bytes) -> None:
        os.set_blocking(fd, False)
        self._table.adopt(fd, PUBLIC, data)

    @property
    def connections(self) -> int:
        """HTTP connections open now."""
        return len(self._state.connections)

    async def drain(self, timeout_s: float) -> None:
        """Lets requests under way finish and closes idle connections."""
        for protocol in list(self._state.connections):
            protocol.shutdown()
        deadline = self._loop.time() + timeout_s
        while self._state.connections and self._loop.time() < deadline:
            await asyncio.sleep(0.01)


class _Http(HttpToolsProtocol):
    """uvicorn's protocol, fed with the first bytes, that gives a streaming request back between two requests."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        prefix: bytes,
        come_back: Callable[[asyncio.Transport, bytes], None],
    ) -> None:
        super().__init__(config, state, {})
        self._prefix = prefix
        self._give_back = come_back
        self._first = True
        self._inside = False
        self._held = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.data_received(self._prefix)
        self._prefix = b""

    def data_received(self, data: bytes) -> None:
        if self._held or (not self._first and self._between):
            data, self._held = self._held + data, b""
            if SNIFF_PREFIX.startswith(data[: len(SNIFF_PREFIX)]):
                if b"\r\n" not in data and len(data) < LINE_MAX:
                    # What it asks for stands in the rest of its first line; who never sends that is ended as idle.
                    self._held = data
                    return
                if self._streams(data):
                    self._unset_keepalive_if_required()
                    self._give_back(self.transport, data)
                    return
        self._first = False
        super().data_received(data)

    def on_message_begin(self) -> None:
        """The parser has met a request."""
        self._inside = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The parser has seen the end of its body."""
        self._inside = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is refused like everything else, not in uvicorn's plain text."""
        failure = BadRequest("the request is not HTTP/1.1")
        metrics.REFUSALS.labels(failure.code.value).inc()
        self.transport.write(response(failure))
        self.transport.close()

    @property
    def _between(self) -> bool:
        """Whether nothing of an earlier request is under way: its body has come, its answer has gone."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self._inside and not self.pipeline and self.transport.get_write_buffer_size() == 0

    @staticmethod
    def _streams(data: bytes) -> bool:
        target = data[: data.find(b"\r\n")].split(b" ")[1].split(b"?")[0]
        return target == b"/v1/live" or (target.startswith(b"/v1/channels/") and target.endswith(b"/stream"))

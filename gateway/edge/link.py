"""A link to a sibling worker: the viewers' own protocol over a Unix socket, one audience a link.

Keeps one WebSocket to the owner of many channels, asks again after every reconnect, and hands messages to followers.
Never interprets a message beyond its channel.
"""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from gateway.edge.inbox import Inbox, Source
from gateway.model.messages import ServerMessage, decode_server_json
from gateway.observe import metrics
from gateway.observe.log import logger

CONNECT_TIMEOUT_S = 2.0
BACKOFF_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class LinkUser(Protocol):
    """A follower, as its link sees it."""

    @property
    def since(self) -> str | None: ...
    def on_message(self, message: ServerMessage, payload: bytes) -> None: ...


class Link:
    """One connection to worker `index` for one audience.

    Args:
        path: the sibling's Unix socket.
    """

    def __init__(self, index: int, audience: str, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.index = index
        self.audience = audience
        self._path = path
        self._loop = loop
        self._users: dict[str, LinkUser] = {}
        self._transport: WSTransport | None = None
        self._inbox: Inbox | None = None
        self._closed = False
        self._task = loop.create_task(self._keep())

    def watch(self, channel: str, user: LinkUser) -> None:
        """Sends `user` the messages of `channel`, from what it holds."""
        self._users[channel] = user
        self._ask(channel)

    def unwatch(self, channel: str) -> None:
        """Ends a watch."""
        if self._users.pop(channel, None) is not None and self._transport is not None:
            self._say({"op": "unwatch", "channel": channel})

    def again(self, channel: str) -> None:
        """Asks anew after a message that did not fit."""
        self._say({"op": "unwatch", "channel": channel})
        self._ask(channel)

    @property
    def idle(self) -> bool:
        """Whether nobody uses the link any more."""
        return not self._users

    def close(self) -> None:
        """Ends the link."""
        self._closed = True
        self._task.cancel()
        if self._inbox is not None:
            self._inbox.close()
        if self._transport is not None:
            self._transport.disconnect(False)

    def _ask(self, channel: str) -> None:
        user = self._users[channel]
        message: dict[str, str] = {"op": "watch", "channel": channel}
        if user.since is not None:
            message["since"] = user.since
        self._say(message)

    def _say(self, message: dict[str, str]) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, msgspec.json.encode(message))

    async def _keep(self) -> None:
        attempt = 0
        while not self._closed:
            try:
                transport, _ = await ws_connect(
                    lambda: _Listener(self),
                    f"ws://sibling/v1/live?audience={quote(self.audience)}",
                    extra_headers={"Sec-WebSocket-Protocol": "grandstand.v1.json"},
                    websocket_handshake_timeout=CONNECT_TIMEOUT_S,
                    max_frame_size=64 * 1024 * 1024,
                    socket_factory=self._connect,
                )
            except (TimeoutError, OSError, WSError) as error:
                delay_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
                attempt += 1
                logger.info("sibling_unreachable", worker=self.index, error=type(error).__name__)
                await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
                continue
            attempt = 0
            self._transport = transport
            metrics.SIBLING_LINKS.inc()
            for channel in self._users:
                self._ask(channel)
            try:
                await transport.wait_disconnected()
            except (OSError, WSError) as error:
                logger.info("sibling_lost", worker=self.index, error=type(error).__name__)
            finally:
                self._transport = None
                metrics.SIBLING_LINKS.dec()

    async def _connect(self, _url: object) -> socket.socket:
        sock = _UnixSocket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await self._loop.sock_connect(sock, str(self._path))
        except BaseException:
            sock.close()
            raise
        return sock

    def inbox(self, source: Source) -> Inbox:
        """Where a connection's messages go; those of one before are forgotten: they are asked for again."""
        if self._inbox is not None:
            self._inbox.close()
        self._inbox = Inbox(self._loop, self._receive, source)
        return self._inbox

    def _receive(self, payload: bytes) -> None:
        try:
            message = decode_server_json(payload)
            channel = getattr(message, "channel", None)
            user = self._users.get(channel) if channel is not None else None
            if user is not None:
                user.on_message(message, payload)
        except Exception:  # noqa: BLE001
            # A bug, and counted as one: the other channels go on, and this one asks again when a delta does not fit.
            metrics.BUGS.inc()
            logger.exception("sibling_message_failed", worker=self.index)


class _UnixSocket(socket.socket):
    """A Unix socket that lets TCP options pass: picows sets and reads them on whatever it is given."""

    def setsockopt(self, level: int, *rest: Any) -> None:
        if level != socket.IPPROTO_TCP:
            super().setsockopt(level, *rest)

    def getsockopt(self, level: int, *rest: Any) -> Any:
        return super().getsockopt(level, *rest) if level != socket.IPPROTO_TCP else 0


class _Listener(WSListener):
    """picows' callbacks; joins fragmented messages."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._inbox: Inbox
        self._parts: list[bytes] = []

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._inbox = self._link.inbox(transport.underlying_transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type not in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            if frame.msg_type == WSMsgType.CLOSE:
                transport.send_close(WSCloseCode.OK)
                transport.disconnect()
            return
        payload = frame.get_payload_as_bytes()
        if not frame.fin:
            self._parts.append(payload)
            return
        if self._parts:
            payload = b"".join([*self._parts, payload])
            self._parts.clear()
        self._inbox.put(payload)

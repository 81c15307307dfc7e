"""The door: what a connection's first request asks for decides where it goes.

A WebSocket on /v1/live or an event stream becomes a parked viewer; everything else falls through to HTTP with its bytes
untouched. Nothing is allocated per connection beyond this call.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.access.tokens import Grant
from gateway.edge.context import Context
from gateway.edge.encoding import SUBPROTOCOLS, Encoding
from gateway.edge.failures import BadRequest, Failure, Unavailable
from gateway.edge.guard import Guard
from gateway.edge.live import SIBLING, SSE, WS, Live
from gateway.edge.request import LIVE_PATH, Request, accept_upgrade, parse_head
from gateway.observe import metrics
from gateway.observe.log import logger


class Door:
    """Receives every head of every listener.

    Args:
        fall_through: takes a connection that asks for plain HTTP.
    """

    def __init__(self, context: Context, guard: Guard, live: Live, fall_through: Callable[[int], None]) -> None:
        self._context = context
        self._guard = guard
        self._live = live
        self._fall_through = fall_through
        self.draining = False

    def on_head(self, conn: int, tag: int, head: bytes) -> None:
        """A complete request head (and perhaps bytes behind it)."""
        try:
            request = parse_head(head)
            if request.path == LIVE_PATH:
                self._admit()
                self._open_websocket(conn, tag, request)
            elif (channel := request.streamed_channel) is not None:
                self._admit()
                self._open_stream(conn, request, channel)
            else:
                self._fall_through(conn)
        except Failure as failure:
            self._live.refuse(conn, failure)
        except Exception:  # noqa: BLE001
            # One bad handshake must not end the worker; it is a bug and counted as one.
            metrics.BUGS.inc()
            logger.exception("handshake_failed")
            self._live.refuse(conn, Failure())

    def on_message(self, conn: int, opcode: int, payload: bytes) -> None:
        """A message of a parked viewer."""
        self._live.on_message(conn, opcode, payload)

    def on_closed(self, conn: int, reason: str) -> None:
        """A connection is gone."""
        self._live.on_closed(conn, reason)

    def _admit(self) -> None:
        if self.draining:
            raise Unavailable("this worker is going away")
        table = self._context.plane.table
        if table.connected >= self._context.settings.viewers.max_connections:
            raise Unavailable("this worker has as many viewers as it may")

    def _open_websocket(self, conn: int, tag: int, request: Request) -> None:
        accept = accept_upgrade(request)
        sibling = tag == SIBLING
        if sibling:
            audience = request.query.get("audience", ["public"])[0]
            grant = Grant(
                subject="sibling", scopes=frozenset({"watch"}), channels=("*",), audience=audience, expires_s=None
            )
        else:
            self._guard.check_origin(request)
            grant = self._guard.grant(request.bearer)
        wanted = self._wanted(request, grant)
        offered = request.tokens("sec-websocket-protocol")
        chosen = next((name for name in offered if name in SUBPROTOCOLS), None)
        if chosen is None and any(name not in ("bearer", request.bearer) for name in offered):
            raise BadRequest("none of the offered subprotocols is spoken", "sec-websocket-protocol")
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "upgrade: websocket",
            "connection: Upgrade",
            f"sec-websocket-accept: {accept}",
        ]
        if chosen is not None:
            lines.append(f"sec-websocket-protocol: {chosen}")
        elif "bearer" in offered:
            lines.append("sec-websocket-protocol: bearer")
        encoding = SUBPROTOCOLS[chosen] if chosen is not None else Encoding.JSON
        self._live.open(conn, WS, ("\r\n".join(lines) + "\r\n\r\n").encode(), grant, encoding, wanted, sibling)

    def _open_stream(self, conn: int, request: Request, channel: str) -> None:
        self._guard.check_origin(request)
        grant = self._guard.grant(request.bearer)
        name = self._guard.check_channel(channel)
        self._guard.check_scope(grant, "watch", name)
        since = request.headers.get("last-event-id") or next(iter(request.query.get("since", [])), None)
        lines = [
            "HTTP/1.1 200 OK",
            "content-type: text/event-stream; charset=utf-8",
            "cache-control: no-cache, no-transform",
            "x-accel-buffering: no",
            "transfer-encoding: chunked",
            "vary: authorization, origin",
        ]
        if (origin := request.headers.get("origin")) is not None:
            lines.append(f"access-control-allow-origin: {origin}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self._live.open(conn, SSE, head, grant, Encoding.SSE, [(name, since or None)], False)

    def _wanted(self, request: Request, grant: Grant) -> list[tuple[str, str | None]]:
        channels = [name for value in request.query.get("channel", []) for name in value.split(",") if name]
        if len(channels) > self._context.settings.viewers.max_channels:
            raise BadRequest("more channels than one connection may watch", "channel")
        if len(set(channels)) != len(channels):
            raise BadRequest("a channel is named twice", "channel")
        held = [value or None for value in request.query.get("since", [])]
        if len(held) > len(channels):
            raise BadRequest("more versions than channels", "since")
        for name in channels:
            self._guard.check_channel(name)
            self._guard.check_scope(grant, "watch", name)
        return list(zip(channels, held + [None] * (len(channels) - len(held)), strict=True))

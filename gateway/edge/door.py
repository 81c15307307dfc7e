"""The door: what a connection's first request asks for decides where it goes.

A WebSocket on /v1/live or an event stream becomes a parked viewer; everything else falls through to HTTP with its bytes
untouched. Plain openings come with their fields from the table, everything else as a head that is parsed here; both are
planned by the same rules. Nothing is allocated per connection beyond this call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.tokens import Grant
from gateway.edge.context import Context
from gateway.edge.encoding import SUBPROTOCOLS, Encoding
from gateway.edge.extensions import HEADER, agree
from gateway.edge.failures import BadRequest, Failure, Unavailable
from gateway.edge.guard import Guard
from gateway.edge.live import SIBLING, SSE, WS, Live, Wanted, Wish
from gateway.edge.moments import Moment, moment_of
from gateway.edge.plane import Opening
from gateway.edge.request import LIVE_PATH, Request, accept_upgrade, check_host, parse_head, parse_target
from gateway.observe import metrics
from gateway.observe.log import logger

PLANS_MAX = 4096
"""Kinds of openings remembered: in a storm most viewers ask for the same."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an opening asks for, whoever asks.

    Attributes:
        head: the response, of a WebSocket without the answer to its key.
        audience: what a sibling asks for.
    """

    kind: int
    head: bytes
    encoding: Encoding
    wanted: Wanted
    audience: str


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
        self._plans: dict[tuple[object, ...], Plan] = {}
        self.draining = False

    def on_opening(self, opening: Opening) -> None:
        """A plain opening, with its fields."""
        _, conn, tag, kind, target, host, origin, protocols, extensions, authorization, last_event_id = opening
        try:
            self._admit()
            key = (tag, kind, target, host, origin, protocols, extensions, last_event_id)
            plan = self._plans.get(key)
            request = (
                Request("GET", headers=_headers(authorization=authorization)) if authorization is not None else None
            )
            if plan is None:
                fields = _headers(
                    host=host,
                    origin=origin,
                    sec_websocket_protocol=protocols,
                    sec_websocket_extensions=extensions,
                    authorization=authorization,
                    last_event_id=last_event_id,
                )
                request = Request("GET", *parse_target(target), fields)
                plan = self._plan(tag, request)
                # A browser's token stands among its subprotocols: such an opening is like no other.
                if request.subprotocol_bearer is None:
                    if len(self._plans) >= PLANS_MAX:
                        self._plans.clear()
                    self._plans[key] = plan
            self._open(conn, tag, plan, request.bearer if request is not None else None)
        except Failure as failure:
            self._live.refuse(conn, failure)
        except Exception:  # noqa: BLE001
            self._failed(conn)

    def on_head(self, conn: int, tag: int, head: bytes) -> None:
        """A complete request head (and perhaps bytes behind it) of anything else."""
        try:
            request = parse_head(head)
            if request.path == LIVE_PATH:
                self._admit()
                accept = accept_upgrade(request)
                plan = self._plan(tag, request)
                answer = plan.head[:-2] + f"sec-websocket-accept: {accept}\r\n\r\n".encode()
                self._open(conn, tag, plan, request.bearer, answer)
            elif request.streamed_channel is not None:
                self._admit()
                self._open(conn, tag, self._plan(tag, request), request.bearer)
            else:
                self._fall_through(conn)
        except Failure as failure:
            self._live.refuse(conn, failure)
        except Exception:  # noqa: BLE001
            self._failed(conn)

    def on_message(self, conn: int, opcode: int, payload: bytes) -> None:
        """A message of a parked viewer."""
        self._live.on_message(conn, opcode, payload)

    def on_closed(self, conn: int, reason: str) -> None:
        """A connection is gone."""
        self._live.on_closed(conn, reason)

    def _failed(self, conn: int) -> None:
        # One bad handshake must not end the worker; it is a bug and counted as one.
        metrics.BUGS.inc()
        logger.exception("handshake_failed")
        self._live.refuse(conn, Failure())

    def _admit(self) -> None:
        if self.draining:
            raise Unavailable("this worker is going away")
        table = self._context.plane.table
        if table.connected >= self._context.settings.viewers.max_connections:
            raise Unavailable("this worker has as many viewers as it may")

    def _open(self, conn: int, tag: int, plan: Plan, token: str | None, head: bytes | None = None) -> None:
        """Asks who it is, whether they may, and opens."""
        sibling = tag == SIBLING and plan.kind == WS
        if sibling:
            grant = Grant(
                subject="sibling", scopes=frozenset({"watch"}), channels=("*",), audience=plan.audience, expires_s=None
            )
        else:
            grant = self._guard.grant(token)
            for wish in plan.wanted:
                self._guard.check_scope(grant, "watch", wish.name)
        self._live.open(conn, plan.kind, head or plan.head, grant, plan.encoding, plan.wanted, sibling)

    # -- plans -------------------------------------------------------------------------------------------------

    def _plan(self, tag: int, request: Request) -> Plan:
        """What the request asks for.

        Raises:
            BadRequest, Forbidden
        """
        check_host(request)
        channel = request.streamed_channel
        if channel is not None:
            self._guard.check_origin(request)
            return self._plan_stream(request, self._guard.check_channel(channel))
        if tag != SIBLING:
            self._guard.check_origin(request)
        return self._plan_websocket(request, tag == SIBLING)

    def _plan_websocket(self, request: Request, sibling: bool) -> Plan:
        wanted = self._wanted(request)
        offered = request.tokens("sec-websocket-protocol")
        chosen = next((name for name in offered if name in SUBPROTOCOLS), None)
        if chosen is None and any(name not in ("bearer", request.subprotocol_bearer) for name in offered):
            raise BadRequest("none of the offered subprotocols is spoken", "sec-websocket-protocol")
        lines = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: Upgrade"]
        if chosen is not None:
            lines.append(f"sec-websocket-protocol: {chosen}")
        elif "bearer" in offered:
            lines.append("sec-websocket-protocol: bearer")
        encoding = SUBPROTOCOLS[chosen] if chosen is not None else Encoding.JSON
        if sibling:
            # What they hear goes on as it came: it is never compressed, and JSON.
            encoding = Encoding.SIBLING
        elif self._context.settings.deflate.enabled:
            agreed = agree(request.headers.get(HEADER, ""))
            if agreed is not None:
                lines.append(f"{HEADER}: {agreed.answer}")
                encoding = encoding.compressed(agreed.window_bits)
        audience = request.query.get("audience", ["public"])[0]
        return Plan(WS, ("\r\n".join(lines) + "\r\n\r\n").encode(), encoding, wanted, audience)

    @staticmethod
    def _plan_stream(request: Request, channel: str) -> Plan:
        since = request.headers.get("last-event-id") or next(iter(request.query.get("since", [])), None)
        moment = _moments(request, 1)[0]
        if moment is not None and "last-event-id" in request.headers:
            # A browser that reconnects by itself goes on from where the past had come to.
            moment = moment_of(request.headers["last-event-id"], moment.speed)
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
        return Plan(SSE, head, Encoding.SSE, [Wish(channel, since or None, moment)], "public")

    def _wanted(self, request: Request) -> Wanted:
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
        since = held + [None] * (len(channels) - len(held))
        return [Wish(*each) for each in zip(channels, since, _moments(request, len(channels)), strict=True)]


def _moments(request: Request, count: int) -> list[Moment | None]:
    """The moments that rewinds begin at, in the order of the channels; None for who is watched live.

    Raises:
        BadRequest
    """
    moments, speeds = request.query.get("at", []), request.query.get("speed", [])
    if len(moments) > count:
        raise BadRequest("more moments than channels", "at")
    if len(speeds) > count:
        raise BadRequest("more speeds than channels", "speed")
    found = [
        moment_of(at, (speeds[number] or None) if number < len(speeds) else None) if at else None
        for number, at in enumerate(moments)
    ]
    return found + [None] * (count - len(found))


def _headers(**fields: bytes | None) -> dict[str, str]:
    """Header fields by their names; those that are not there are left out."""
    return {name.replace("_", "-"): value.decode("latin-1") for name, value in fields.items() if value is not None}

"""An endpoint for conformance suites: a WebSocket on any path that sends every message back.

The connections are parked ones, in the same table with the same frames, limits and closing as viewers; what comes back
waits for its socket as a viewer's catch-up does. Knows neither channels nor a store, and serves nothing else.
"""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from gateway.edge.extensions import HEADER, Agreed, agree
from gateway.edge.failures import Failure, response
from gateway.edge.live import PUBLIC, WS
from gateway.edge.plane import Opening, Plane
from gateway.edge.request import accept_upgrade, parse_head
from gateway.edge.tls import TlsFront, tls_context
from gateway.edge.worker import listen
from gateway.observe import log
from gateway.observe.log import logger
from gateway.settings import Settings
from native.connections import Table
from native.deflate import Deflater
from native.frames import Frame, ws_frame

# Suites send messages of up to 16 MB, in up to 65,536 fragments.
MESSAGE_BYTES = 1 << 24
FRAGMENTS = 1 << 17
RATIO = 1100
CONNECTIONS = 256
WAITING_MAX = 4096
"""Messages that wait for a peer which does not read; with more the connection is closed (1008)."""
POLICY_VIOLATION = 1008


@dataclass(slots=True)
class _Peer:
    """One connection and what is to go back on it."""

    conn: int
    group: int
    deflater: Deflater | None
    waiting: deque[Frame] = field(default_factory=deque)
    number: int = 0
    behind: bool = False


class Echo:
    """Receives every head and message of the table (the plane's `Viewers` and `Group`)."""

    def __init__(self, plane: Plane, deflate: bool) -> None:
        self._plane = plane
        self._deflate = deflate
        self._peers: dict[int, _Peer] = {}
        self._by_group: dict[int, _Peer] = {}

    def on_head(self, conn: int, tag: int, head: bytes) -> None:
        """A handshake: answered, or refused in the same form as the gateway does."""
        try:
            request = parse_head(head)
            accept = accept_upgrade(request)
            agreed = agree(request.headers.get(HEADER, "")) if self._deflate else None
        except Failure as failure:
            self._plane.table.refuse(conn, response(failure))
            return
        lines = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: Upgrade", "server: grandstand"]
        lines.append(f"sec-websocket-accept: {accept}")
        if agreed is not None:
            lines.append(f"{HEADER}: {agreed.answer}")
        group = self._plane.open_group(self)
        self._peers[conn] = self._by_group[group] = _Peer(conn, group, _deflater(agreed))
        self._plane.table.upgrade(conn, WS, ("\r\n".join(lines) + "\r\n\r\n").encode(), deflate=agreed is not None)

    def on_opening(self, opening: Opening) -> None:
        """The table tells of whole heads only."""
        raise AssertionError("openings were not asked for")

    def on_message(self, conn: int, opcode: int, payload: bytes) -> None:
        """Sends it back, behind what waits."""
        peer = self._peers.get(conn)
        if peer is None:
            return
        if len(peer.waiting) >= WAITING_MAX:
            self._plane.table.close(conn, POLICY_VIOLATION, b"too much waits to be read")
            return
        binary = opcode == 2
        peer.waiting.append(peer.deflater.frame(payload, binary) if peer.deflater else ws_frame(payload, binary))
        if not peer.behind:
            self._send(peer)

    def _send(self, peer: _Peer) -> None:
        while peer.waiting:
            peer.number += 1
            outcome = self._plane.table.subscribe(peer.conn, peer.group, peer.number, peer.waiting[0])
            if outcome != 1:
                # 2: its socket is full, and catch_up goes on; 0: it is gone or closing.
                peer.behind = outcome == 2
                return
            peer.waiting.popleft()

    def catch_up(self, group: int, held: int) -> None:
        """The peer's socket takes bytes again."""
        peer = self._by_group[group]
        peer.number += 1
        if self._plane.fanout.serve(group, held, peer.waiting[0], peer.number):
            peer.waiting.popleft()
            peer.behind = False
            self._send(peer)

    def on_idle(self, group: int) -> None:
        """Nothing is fanned out here."""

    def on_members(self) -> None:
        """Each peer is the only member of its group."""

    def on_closed(self, conn: int, reason: str) -> None:
        """The connection is gone."""
        peer = self._peers.pop(conn, None)
        if peer is not None:
            del self._by_group[peer.group]
            self._plane.close_group(peer.group)


def _deflater(agreed: Agreed | None) -> Deflater | None:
    # Suites expect every message compressed, also one that becomes longer by it.
    return Deflater(window_bits=agreed.window_bits, always=True) if agreed is not None else None


def run(settings: Settings) -> int:
    """`grandstand serve --conformance-echo`: returns the exit code when it was told to end."""
    log.configure(settings.observe)
    uvloop.run(serve(settings))
    return 0


async def serve(settings: Settings) -> None:
    """Echoes on `listen.host` and `listen.port`, with TLS where it is set, until SIGTERM or Ctrl-C."""
    loop = asyncio.get_running_loop()
    viewers = settings.viewers
    table = Table(
        CONNECTIONS,
        max_message_bytes=MESSAGE_BYTES,
        max_fragments=FRAGMENTS,
        max_controls=viewers.control_frames_per_s,
        max_inflate_ratio=RATIO,
        send_buffer_bytes=viewers.send_buffer_bytes,
        head_timeout_ms=int(viewers.head_timeout_s * 1000),
        idle_timeout_ms=int(viewers.idle_timeout_s * 1000),
        close_timeout_ms=int(viewers.close_timeout_s * 1000),
    )
    plane = Plane(table, loop)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    sock = listen(settings.listen.host, settings.listen.port, settings.listen.backlog)
    tls: TlsFront | None = None
    if settings.listen.tls_cert:
        certificate = tls_context(Path(settings.listen.tls_cert), Path(settings.listen.tls_key))
        tls = TlsFront(table, certificate, loop, viewers.close_timeout_s)
        await tls.start(sock)
    else:
        table.listen(sock.fileno(), PUBLIC)
    plane.start(Echo(plane, settings.deflate.enabled))
    logger.warning("conformance_echo", port=sock.getsockname()[1], tls=tls is not None)
    await ended.wait()
    if tls is not None:
        tls.stop()
    plane.stop()
    sock.close()

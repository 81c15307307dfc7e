"""What is fuzzed: each target takes any bytes, and raises when the code does what it must not.

Native code is held against its twin, so a wrong answer is found as well as a crash. Knows nothing of the fuzzer.
"""

from __future__ import annotations

import contextlib
import gc
import socket
import struct
import time
from collections.abc import Callable

import native
from gateway.edge.extensions import agree
from gateway.edge.failures import BadRequest, Failure, response
from gateway.edge.request import accept_upgrade, parse_head
from native.frames import ws_frame
from native.opening import opening_of
from native.parser import Parser
from tests.native import opening_twin
from tests.native.stand import SSE, WS, Stand, masked
from tests.native.twin import Event, Twin

MESSAGE_BYTES = 300
FRAGMENTS = 4
RATIO = 20
CLOSED_BY_TIMEOUT_S = 3600


class Wrong(Exception):
    """The code under test does not do what it must."""


def frames(data: bytes) -> None:
    """The frame parser, whole and in pieces, against its twin. Two bytes first: options, and how it is cut."""
    if len(data) < 2:
        return
    deflate, frame_bytes, step = bool(data[0] & 1), 100 if data[0] & 2 else MESSAGE_BYTES, data[1] % 16
    stream = data[2:]
    expected = Twin(MESSAGE_BYTES, FRAGMENTS, frame_bytes, deflate, RATIO).feed(stream)
    for size in (len(stream) or 1, step or 1):
        parser = Parser(
            max_message_bytes=MESSAGE_BYTES,
            max_fragments=FRAGMENTS,
            max_frame_bytes=frame_bytes,
            deflate=deflate,
            max_inflate_ratio=RATIO,
        )
        found: list[Event] = []
        for at in range(0, len(stream), size):
            found += parser.feed(stream[at : at + size])
        if found != expected:
            raise Wrong(f"in pieces of {size}: {found} is not {expected}")


def requests(data: bytes) -> None:
    """Request heads: the native parser of plain openings against its twin and against the parser of all of HTTP."""
    head = data + b"\r\n\r\n"
    head = head[: head.index(b"\r\n\r\n") + 4]
    found = opening_of(head)
    if found != opening_twin.opening_of(head):
        raise Wrong(f"{found} is not what the twin finds")
    try:
        request = parse_head(head)
        if found is not None and found[0] == 1:
            accept_upgrade(request)
    except Failure as failure:
        if found is not None and not isinstance(failure, BadRequest):
            raise Wrong("the parser of all of HTTP refuses what is plain") from failure
        if not response(failure).startswith(b"HTTP/1.1 4"):
            raise Wrong("the refusal is none") from failure


def extensions(data: bytes) -> None:
    """Negotiation of permessage-deflate: an answer inside the offer, or none, or an error in the field's form."""
    header = data.decode("latin-1")
    try:
        agreed = agree(header)
    except BadRequest as failure:
        if failure.field != "sec-websocket-extensions":
            raise Wrong("the error names another field") from failure
        return
    if agreed is None:
        return
    if "permessage-deflate" not in header:
        raise Wrong("agreed on what nobody offered")
    begin = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    if agreed.answer not in (begin, f"{begin}; server_max_window_bits={agreed.window_bits}"):
        raise Wrong(f"not an answer: {agreed.answer}")
    if agreed.window_bits not in (9, 15) or (agreed.answer != begin and "server_max_window_bits" not in header):
        raise Wrong("a window that nobody asked for")


CODES = (1000, 1001, 1008, 1011, 1012, 3000, 4999)


def closing(data: bytes) -> None:
    """A connection from its upgrade to its end, both sides doing what the bytes say."""
    stand = Stand(
        max_connections=4,
        max_message_bytes=MESSAGE_BYTES,
        max_fragments=FRAGMENTS,
        close_timeout_ms=100,
        max_controls=9,
    )
    try:
        _live(stand, data)
    finally:
        stand.end()
        del stand
        gc.collect(0)
    if any(native.counts().values()):
        raise Wrong(f"left behind: {native.counts()}")


def _live(stand: Stand, data: bytes) -> None:
    at = 1
    options = data[0] if data else 0
    kind = SSE if options & 1 else WS
    viewer, conn = stand.viewer(small=bool(options & 2))
    viewer.send(b"GET /v1/live HTTP/1.1\r\nhost: x\r\n\r\n")
    stand.until(lambda: stand.of("head"))
    if not stand.table.upgrade(conn, kind, b"", deflate=bool(options & 4)):
        raise Wrong("a held connection is not upgraded")
    group, seq = stand.group(), 0
    stand.table.subscribe(conn, group, 0)
    now_ms = time.monotonic_ns() // 1_000_000
    while at < len(data):
        what, size = data[at] % 10, data[at] // 10
        part = data[at + 1 : at + 1 + size]
        at += 1 + (size if what in (0, 1, 2) else 0)
        with contextlib.suppress(OSError):
            if what == 0:
                viewer.sock.send(part)
            elif what == 1:
                viewer.sock.send(masked(part[0] & 15 if part else 8, part[1:], final=bool(not part or part[0] & 128)))
            elif what == 2:
                stand.table.close(conn, CODES[size % len(CODES)], bytes(byte & 0x7F for byte in part))
            elif what == 3:
                viewer.sock.shutdown(socket.SHUT_WR)
            elif what == 4:
                stand.table.send(conn, ws_frame(b"s" * size * 40, True))
            elif what == 5:
                seq += 1
                if not stand.fanout.active(group):
                    stand.fanout.start(group, ws_frame(b"f" * size * 40, False), seq - 1, seq)
                stand.fanout.run()
            elif what == 6:
                now_ms += size * 10
                stand.events += stand.table.sweep(now_ms)
            elif what == 7:
                stand.poll()
            elif what == 8:
                viewer.take()
            elif size == 25:
                stand.table.abort(conn)
    stand.poll()
    _check_end(stand, viewer.take(), conn, kind)


def _check_end(stand: Stand, received: bytes, conn: int, kind: int) -> None:
    """Everything ends, once; nothing follows the server's Close."""
    stand.table.close(conn, 1001, b"end")
    for _ in range(3):
        stand.poll()
        stand.events += stand.table.sweep(time.monotonic_ns() // 1_000_000 + CLOSED_BY_TIMEOUT_S * 1000)
    if len(stand.of("closed")) != 1:
        raise Wrong(f"it has ended {len(stand.of('closed'))} times: {stand.events}")
    at = 0
    while kind == WS and at + 2 <= len(received):
        size, head = received[at + 1], 2
        if size == 126:
            if len(received) < at + 4:
                return
            size, head = struct.unpack_from(">H", received, at + 2)[0], 4
        if received[at] not in (0x81, 0x82, 0x88, 0x89, 0x8A) or size > 127 * 40:
            raise Wrong(f"not a frame of ours at {at}: {received[at : at + 8]!r}")
        if received[at] == 0x88 and len(received) > at + head + size:
            raise Wrong("something follows the Close")
        at += head + size


TARGETS: dict[str, Callable[[bytes], None]] = {
    "frames": frames,
    "requests": requests,
    "extensions": extensions,
    "closing": closing,
}

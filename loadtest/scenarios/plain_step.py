"""What a plain event takes from its bytes to the frame that is on its way: the worker's own parts, over as many channels.

Each channel has one viewer on a socket pair; sending is not timed, and no store is needed: the stream is given by hand.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import statistics
import time
from pathlib import Path

import msgspec

from gateway.bus.base import Sink, StreamInfo
from gateway.edge.context import Context, channel_limits
from gateway.edge.encoding import Encoder, Encoding
from gateway.edge.links import Links
from gateway.edge.plane import Plane
from gateway.edge.seat import Seat
from gateway.model.audience import Audience
from gateway.model.entry import Entry
from gateway.model.version import Position
from gateway.settings import Settings
from loadtest.publisher import STATE
from loadtest.servers.child import raise_descriptor_limit
from native.connections import WS, Table

HEAD = b"GET /v1/live HTTP/1.1\r\nhost: x\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
OPENING = msgspec.json.encode({"op": "reset", "rules": "scoreboard", "state": STATE})
EVENT = msgspec.json.encode({"op": "score", "team": "red", "player": "p0", "sent_us": 1})
SLICE_US = 100_000


class _Given:
    """A bus whose streams hold their opening, and what is given by hand."""

    wakeup = wakeup_reason = "given"
    connected = True
    reconnects = 0

    def __init__(self) -> None:
        self.sinks: dict[str, Sink] = {}

    async def connect(self) -> None: ...

    async def close(self) -> None: ...

    async def tail(self, channel: str) -> StreamInfo:
        return StreamInfo(Position(1, 0), Position(1, 0), 1)

    async def read(self, channel: str, start: Position | None, end: Position | None, count: int) -> list[Entry]:
        return [Entry(Position(1, 0), None, OPENING)]

    async def keyframes(self, channel: str) -> list[bytes]:
        return []

    def follow(self, channel: str, after: Entry | Position | None, sink: Sink, digest: int | None = None) -> None:
        self.sinks[channel] = sink

    def unfollow(self, channel: str) -> None:
        self.sinks.pop(channel)

    def confirmed_s(self, channel: str) -> float | None:
        return None


class _House:
    """Nobody looks at a seat while it is timed."""

    def look_in(self, seat: Seat, wait_ms: float) -> None: ...
    def on_viewers(self, seat: Seat) -> None: ...


def step_us(channels: int, rounds: int) -> float:
    """Processor time of one event, median of some rounds over all channels."""
    raise_descriptor_limit()
    return asyncio.run(_measured(channels, rounds))


async def _measured(channels: int, rounds: int) -> float:
    loop, settings, bus = asyncio.get_running_loop(), Settings(), _Given()
    table = Table(channels + 16)
    context = Context(
        index=0,
        settings=settings,
        loop=loop,
        bus=bus,
        plane=Plane(table, loop),
        encoder=Encoder(settings.deflate),
        audiences={"public": Audience("public")},
        channel_limits=channel_limits(settings),
    )
    links = Links(Path(settings.runtime_dir), loop)
    house, seats, peers = _House(), [], []
    for number in range(channels):
        seat = Seat(f"match:{number}", context, links, 0, house)
        await seat.load("public")
        seats.append(seat)
        ours, theirs = socket.socketpair()
        theirs.send(HEAD)
        peers.append(theirs)
        table.adopt(ours.detach(), 0)
        while not (heads := [event for event in table.poll(SLICE_US) if event[0] == "head"]):
            pass
        conn = heads[0][1]
        assert isinstance(conn, int)
        table.upgrade(conn, WS, SWITCH)
        seat.outlets["public"].join(conn, Encoding.JSON, None, context.now_ms(), 0)
    sinks = list(bus.sinks.items())
    pace_s = settings.pace.min_interval_ms / 1000
    taken = []
    try:
        for seq in range(1, rounds + 1):
            entries = [Entry(Position(1, seq), context.now_ms(), EVENT) for _ in sinks]
            gc.collect()
            gc.disable()
            begun_s = time.process_time()
            for (name, sink), entry in zip(sinks, entries, strict=True):
                sink.on_entries(name, [entry])
            taken.append((time.process_time() - begun_s) * 1e6 / channels)
            gc.enable()
            # The frames go out, and the channels' pace lets the next ones out at once.
            await asyncio.sleep(2 * pace_s)
            while context.plane.fanout.run(SLICE_US):
                pass
    finally:
        gc.enable()
        table.close_all()
        for seat, peer in zip(seats, peers, strict=True):
            seat.close()
            peer.close()
    return statistics.median(taken)

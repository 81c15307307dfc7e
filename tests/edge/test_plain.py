"""The native step of plain entries does what the general way does: the same frames, documents, rings and figures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bus.base import Sink, StreamInfo
from gateway.edge.context import Context, channel_limits
from gateway.edge.encoding import Encoder, Encoding
from gateway.edge.links import Links
from gateway.edge.outlet import Outlet
from gateway.edge.owner import Owner
from gateway.edge.plane import Plane
from gateway.edge.seat import Seat
from gateway.model.audience import Audience
from gateway.model.entry import Entry
from gateway.model.version import Position
from gateway.observe import gathered
from gateway.settings import Settings
from tests.model.strategies import PATCHES, without_nulls
from tests.native.stand import Stand, Viewer

NAME = "match:1"
AUDIENCES = {"public": Audience("public"), "caster": Audience("caster", ("/b",))}
SETTINGS = Settings()


class ClockedLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes as it is told."""

    now_ms = 1_000_000

    def time(self) -> float:
        return self.now_ms / 1000

    def turn(self) -> None:
        """Runs what is due."""
        self.call_soon(self.stop)
        self.run_forever()


class Stream:
    """A bus with one stream, which gives entries when it is told."""

    wakeup = wakeup_reason = "told"
    connected = True
    reconnects = 0

    def __init__(self, opening: Entry) -> None:
        self.entries = [opening]
        self.sink: Sink | None = None

    async def connect(self) -> None: ...

    async def close(self) -> None: ...

    async def tail(self, channel: str) -> StreamInfo:
        return StreamInfo(self.entries[0].position, self.entries[-1].position, len(self.entries))

    async def read(self, channel: str, start: Position | None, end: Position | None, count: int) -> list[Entry]:
        return [entry for entry in self.entries if start is None or entry.position >= start][:count]

    async def keyframes(self, channel: str) -> list[bytes]:
        return []

    def follow(self, channel: str, after: Entry | Position | None, sink: Sink, digest: int | None = None) -> None:
        self.sink = sink

    def unfollow(self, channel: str) -> None:
        self.sink = None

    def confirmed_s(self, channel: str) -> float | None:
        return None

    def give(self, entries: list[Entry]) -> None:
        self.entries += entries
        assert self.sink is not None
        self.sink.on_entries(NAME, entries)


class House:
    """Who is asked for looks at the seat, which here are taken by hand."""

    def look_in(self, seat: Seat, wait_ms: float) -> None: ...
    def on_viewers(self, seat: Seat) -> None: ...


class Gateway:
    """One owner with viewers on real sockets."""

    def __init__(self, loop: ClockedLoop, opening: Entry, stepping: bool, encodings: list[Encoding]) -> None:
        self.stand = Stand()
        self.stream = Stream(opening)
        self.context = Context(
            index=0,
            settings=SETTINGS,
            loop=loop,
            bus=self.stream,
            plane=Plane(self.stand.table, loop),
            encoder=Encoder(SETTINGS.deflate),
            audiences=AUDIENCES,
            channel_limits=channel_limits(SETTINGS),
            now_ms=lambda: loop.now_ms,
        )
        assert self.context.step is not None
        if not stepping:
            self.context.step = None
        self.seat = Seat(NAME, self.context, Links(Path(SETTINGS.runtime_dir), loop), 0, House())
        loop.run_until_complete(self.seat.load("public"))
        self.viewers = [self.join(self.outlet("public"), encoding) for encoding in encodings]

    def outlet(self, audience: str) -> Outlet:
        return self.context.loop.run_until_complete(self.seat.outlet(audience))

    def join(self, outlet: Outlet, encoding: Encoding) -> Viewer:
        viewer, conn = self.stand.parked()
        outlet.join(conn, encoding, None, self.context.now_ms(), 5000)
        return viewer

    @property
    def owner(self) -> Owner:
        assert isinstance(self.stream.sink, Owner)
        return self.stream.sink

    def shown(self) -> dict[str, Any]:
        """All that may not depend on the way that an entry took."""
        channel = self.owner._channel
        assert channel is not None
        views = [outlet.view for outlet in self.seat.outlets.values()]
        return {
            "received": [viewer.take() for viewer in self.viewers],
            "document": channel.doc,
            "keyframe": channel.keyframe(),
            "ring": list(channel._ring),
            "channel bytes": channel._ring_bytes,
            "published": channel.published_ms,
            "views": [(view.version, view.flush_seq, view.doc, list(view.feed), list(view._ring)) for view in views],
            "view bytes": [(view._ring_bytes, view._seqs) for view in views],
            "status": [outlet.status for outlet in self.seat.outlets.values()],
            "report": self.owner.report(),
            "interval": self.owner._pace.interval_ms,
        }

    def end(self) -> None:
        for viewer in self.viewers:
            viewer.sock.close()
        self.stand.table.close_all()
        self.seat.close()
        self.stand.end()


@pytest.fixture(scope="module")
def loop() -> Iterator[ClockedLoop]:
    made = ClockedLoop()
    yield made
    made.close()


OPS = st.sampled_from(["score", "kill", "note", "position", "clock", "viewers", "status", "end", "", "x" * 65])
NUMBERS = st.one_of(st.integers(-5, 5), st.just("no"))
EVENTS = st.one_of(
    st.fixed_dictionaries(
        {"op": OPS},
        optional={
            "patch": st.one_of(PATCHES, st.just([])),
            "team": st.sampled_from(["red", "blue", "green"]),
            "actor": st.sampled_from(["p0", "p9"]),
            "target": st.just("p0"),
            "by": NUMBERS,
            "points": st.one_of(st.just({"score": {"p0": 1}}), st.just({"score": 1})),
            "t": st.just(5),
            "status": st.sampled_from(["paused", "ended"]),
            "text": st.sampled_from(['"é\\', "plain"]),
        },
    ),
    st.just({"op": "reset", "state": {}}),
    st.just([1]),
)
DEEP = b'{"op":"note","patch":' + b'{"a":' * 20 + b"1" + b"}" * 21
RAWS = st.one_of(
    EVENTS.map(msgspec.json.encode),
    EVENTS.map(msgspec.json.encode),
    st.lists(EVENTS, max_size=3).map(msgspec.json.encode),
    st.sampled_from([b"", b"{", b"7", DEEP, b'{"op":"\xff"}', b'{"op": "note", "n": 1.50}']),
)
STAMPS = st.one_of(st.none(), st.integers(990_000, 1_010_000))
STEPS = st.lists(
    st.tuples(st.sampled_from([0, 20, 60, 200]), st.lists(st.tuples(STAMPS, RAWS), min_size=1, max_size=2)), max_size=12
)
MATCH: dict[str, Any] = {"teams": {"red": {"score": 0}, "blue": {}}, "players": {"p0": {}}}
STATES = PATCHES.map(lambda state: {**without_nulls(state), **MATCH})
WATCHED = st.sampled_from(
    [
        [Encoding.JSON],
        [Encoding.JSON, Encoding.JSON, Encoding.SIBLING],
        [],
        [Encoding.MSGPACK],
        [Encoding.JSON_DEFLATE, Encoding.JSON],
    ]
)


@settings(max_examples=100)
@given(STATES, STEPS, WATCHED, st.booleans())
def test_both_ways_do_the_same(
    loop: ClockedLoop, state: dict[str, Any], steps: list[Any], watched: list[Encoding], hiding: bool
) -> None:
    raw = msgspec.json.encode({"op": "reset", "rules": "scoreboard", "state": state})
    opening = Entry(Position(1, 0), 1_000_000, raw)
    loop.now_ms = 1_000_000
    gateways = [Gateway(loop, opening, stepping, watched) for stepping in (True, False)]
    try:
        if hiding:
            for gateway in gateways:
                gateway.outlet("caster")
        seq = 0
        for passed_ms, told in steps:
            loop.now_ms += passed_ms
            loop.turn()
            entries = [Entry(Position(1, seq + number), t_ms, raw) for number, (t_ms, raw) in enumerate(told, start=1)]
            seq += len(entries)
            for gateway in gateways:
                gateway.stream.give(entries)
            loop.turn()
            stepped, general = (gateway.shown() for gateway in gateways)
            # As text, in which true is not 1, 1 is not 1.0, and keys have an order.
            assert repr(stepped) == repr(general)
    finally:
        for gateway in gateways:
            gateway.end()


def test_a_plain_entry_is_taken_and_another_one_is_not(loop: ClockedLoop) -> None:
    opening = Entry(Position(1, 0), None, b'{"op":"reset","state":{"teams":{"red":{"score":0}}}}')
    loop.now_ms = 1_000_000
    gateway = Gateway(loop, opening, True, [Encoding.JSON, Encoding.SIBLING])
    step, owner = gateway.context.step, gateway.owner
    assert step is not None
    assert owner._channel is not None
    before = gathered.EVENTS_IN.value
    try:
        score = b'{"op":"score","team":"red"}'
        assert step.take(owner, owner._channel, Entry(Position(1, 1), None, score), loop.now_ms)
        assert gathered.EVENTS_IN.value == before + 1
        loop.turn()
        for viewer in gateway.viewers:
            delta = msgspec.json.decode(viewer.frames()[-1][1])
            assert delta["patch"] == {"teams": {"red": {"score": 1}}}
        loop.now_ms += 60
        kept = gateway.shown()
        for entry in (
            Entry(Position(1, 1), None, score),
            Entry(Position(1, 3), None, score),
            Entry(Position(2, 2), None, score),
            Entry(Position(1, 2), None, b'[{"op":"score","team":"red"}]'),
            Entry(Position(1, 2), None, b'{"op":"score","team":7}'),
            Entry(Position(1, 2), None, b'{"op":"score","team":"red"'),
            Entry(Position(1, 2), None, b'{"op":"note","patch":{"teams":null}}'),
            Entry(Position(1, 2), None, b'{"op":"note","patch":{"new":{}}}'),
        ):
            assert not step.take(owner, owner._channel, entry, loop.now_ms)
        assert gateway.shown() == kept
    finally:
        gateway.end()

"""Whatever a server sends is read or counted, nothing else is raised, and the next snapshot mends everything."""

from __future__ import annotations

import json
import random
import re
import struct
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.client import Mode, Refused, Viewer
from gateway.model.errors import BadMessage
from gateway.model.messages import (
    Bye,
    ErrorCode,
    ErrorMessage,
    ServerMessage,
    Status,
    Tick,
    Watch,
    decode_server_json,
    decode_server_msgpack,
    encode_json,
    encode_msgpack,
)
from gateway.model.viewer import Action, Heard, Malformed, ViewerState
from tests.client.server import CHANNEL, Exchange, delta, serving, snapshot, version

TIMEOUT_S = 10.0
ROUNDS = 15

GOOD: list[ServerMessage] = [
    snapshot(1),
    delta(2),
    delta(3, skipped=2),
    Tick(CHANNEL, version(1)),
    Status(CHANNEL, "lagging", 700),
    ErrorMessage(ErrorCode.BAD_REQUEST, "no"),
    Bye("drain", (1, 2)),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(alphabet='a\x00\n"é😀\ud800', max_size=4),
    st.sampled_from(["snapshot", "delta", "tick", "status", "error", "bye", CHANNEL, version(1), "internal", "live"]),
)
NAMES = st.sampled_from(
    [
        "type",
        "channel",
        "version",
        "from",
        "patch",
        "events",
        "state",
        "feed",
        "status",
        "behind_ms",
        "code",
        "retry_ms",
    ]
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=12
)


def read(data: bytes, packed: bool) -> Heard:
    """As every source does it."""
    try:
        return decode_server_msgpack(data) if packed else decode_server_json(data)
    except BadMessage as bad:
        return Malformed(bad.detail)


@st.composite
def mutated(draw: st.DrawFn, packed: bool) -> bytes:
    """A message of the protocol, spoiled in up to four places."""
    message = draw(st.sampled_from(GOOD))
    data = bytearray(encode_msgpack(message) if packed else encode_json(message))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        until = at + draw(st.integers(0, 8))
        data[at:until] = draw(st.binary(max_size=8))
    return bytes(data)


@st.composite
def odd_values(draw: st.DrawFn, packed: bool) -> bytes:
    """A message of the protocol with other values in some of its fields, or any value at all."""
    fields: Any = msgspec.to_builtins(draw(st.sampled_from(GOOD)))
    fields |= draw(st.dictionaries(NAMES, ANYTHING, max_size=3))
    value = draw(st.one_of(st.just(fields), ANYTHING))
    if not packed:
        return json.dumps(value).encode()
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeEncodeError):
        # No number and no text of MessagePack.
        return msgspec.msgpack.encode(repr(value))


def check(data: bytes, packed: bool) -> None:
    """The rules hold after it: nothing changes by what cannot be read, and a snapshot mends everything."""
    viewer = ViewerState()
    viewer.receive(snapshot(1))
    before = (viewer.doc, viewer.version, list(viewer.feed))
    message = read(data, packed)
    action = viewer.receive(message)
    if isinstance(message, Malformed):
        assert action is Action.MALFORMED
        assert viewer.since is None
    if action is not Action.APPLIED:
        assert (viewer.doc, viewer.version, list(viewer.feed)) == before
    else:
        # What was taken can be asked for, in the body of a message and in a header.
        encode_json(Watch(CHANNEL, viewer.since))
        assert re.fullmatch(r"[!#-~]{1,64}", viewer.version or "")
    assert viewer.receive(snapshot(9)) is Action.APPLIED
    assert (viewer.doc, viewer.version, viewer.since) == ({"n": 9}, version(9), version(9))


@settings(max_examples=300)
@given(data=st.one_of(st.binary(max_size=64), mutated(False), odd_values(False)))
@example(data=b'{"type":"status","channel":"match:1","status":"live","behind_ms":1' + b"0" * 5_000 + b"}")
@example(data=b'{"type":"status","channel":"match:1","status":"live","behind_ms":1e999}')
@example(
    data=b'{"type":"delta","channel":"match:1","from":"7-1.9e3779b1","version":"x","patch":'
    + b'{"a":' * 800
    + b"1"
    + b"}" * 801
)
@example(data=b"[" * 100_000)
@example(data=b'{"type":"snapshot","channel":"match:1","version":"\\ud800","state":{},"feed":[],"status":"live"}')
@example(data=b'{"type":"snapshot","channel":"match:1","version":"a\\nb: c","state":{},"feed":[],"status":"live"}')
def test_any_bytes_as_json(data: bytes) -> None:
    check(data, packed=False)


@settings(max_examples=300)
@given(data=st.one_of(st.binary(max_size=64), mutated(True), odd_values(True)))
@example(data=b"\x81" * 5_000)
@example(data=b"\xdf\xff\xff\xff\xff")
@example(data=b"\x81\xa4type\xd9")
def test_any_bytes_as_msgpack(data: bytes) -> None:
    check(data, packed=True)


class Spoiler:
    """Says odd things on one connection, at any of its layers.

    Args:
        seed: of everything that it does.
    """

    def __init__(self, seed: int, mode: Mode) -> None:
        self._random = random.Random(seed)
        self._mode = mode

    async def __call__(self, exchange: Exchange) -> None:
        fate = self._random.randrange(6)
        if fate == 0:
            await exchange.write(self._random.randbytes(self._random.randrange(200)))
        elif fate == 1:
            head = (
                b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
                b'Set-Cookie: a=b; Max-Age=x\r\nLocation: http://[::1/\r\nContent-Length: 4\r\nETag: "x"\r\n\r\nabcd'
            )
            await exchange.write(self._spoiled(head))
        else:
            await self._odd_messages(exchange)

    async def _odd_messages(self, exchange: Exchange) -> None:
        if self._mode == "poll":
            await exchange.answer(self._random.choice([200, 304, 500]), self._message(False), ETag=f'"{version(1)}"')
            return
        await (exchange.stream() if self._mode == "sse" else exchange.upgrade())
        for _ in range(self._random.randrange(1, 12)):
            data = self._message(exchange.packed)
            if self._mode == "sse":
                text = self._random.choice([b"data: ", b"id: ", b": ", b""]) + data + b"\n\n"
                await exchange.write(b"%x\r\n%b\r\n" % (len(text), text))
            elif self._random.randrange(3):
                await exchange.frame(data, 2 if exchange.packed else 1, fin=self._random.randrange(5) > 0)
            else:
                await exchange.frame(data, self._random.randrange(16))
        if self._random.randrange(2):
            await exchange.write(self._random.randbytes(self._random.randrange(60)))
        elif self._mode in ("websocket", "msgpack") and self._random.randrange(2):
            odd = [b"", b"\x03", struct.pack(">H", self._random.randrange(65536)), b"\x03\xe8\xff\xfe"]
            await exchange.frame(self._random.choice(odd), 8)

    def _message(self, packed: bool) -> bytes:
        message = self._random.choice(GOOD)
        data = encode_msgpack(message) if packed else encode_json(message)
        return self._spoiled(data) if self._random.randrange(3) else data

    def _spoiled(self, whole: bytes) -> bytes:
        data = bytearray(whole)
        for _ in range(self._random.randrange(1, 5)):
            at = self._random.randrange(len(data) + 1)
            data[at : at + self._random.randrange(9)] = self._random.randbytes(self._random.randrange(9))
        return bytes(data)


@pytest.mark.parametrize("mode", ["websocket", "msgpack", "sse", "poll"])
async def test_any_bytes_on_a_connection(mode: Mode) -> None:
    async def good(exchange: Exchange) -> None:
        if exchange.path == f"/v1/channels/{CHANNEL}":
            await exchange.answer_snapshot(snapshot(9))
            return
        await (exchange.stream() if mode == "sse" else exchange.upgrade())
        await (exchange.event if mode == "sse" else exchange.send)(snapshot(9))
        await exchange.until_closed()

    for seed in range(ROUNDS):
        spoilers = [Spoiler(seed * 10 + i, mode) for i in range(3)]
        async with serving(*spoilers, *[good] * 20) as url:
            viewer = Viewer(url, CHANNEL, mode=mode, poll_interval_s=0.001, silence_s=0.5, random=lambda: 0.0)
            # A spoiled answer may happen to be a refusal.
            with suppress(Refused):
                await viewer.until(lambda v: v.version == version(9) and v.doc == {"n": 9}, TIMEOUT_S)

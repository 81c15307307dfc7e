"""Replies of the store, as they arrive: what is taken natively, held against the client library's parser in any cutting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bus.errors import BusError, Unavailable, WrongType
from gateway.bus.ranges import entries_of, low_of, tail_of
from gateway.bus.wire import AnyReplies, reply_of
from gateway.model.entry import Entry
from gateway.model.version import UINT64_MAX, Position
from native.replies import Announcements, Garbled, RangeReplies

Row = tuple[bytes, list[bytes] | None]


@dataclass
class Channel:
    """What the native reader knows of a followed channel."""

    last: Entry | None = None
    row: bytes = b""
    low: bytes = b""


def encoded(value: Any) -> bytes:
    """A reply as the store sends it."""
    if value is None:
        return b"*-1\r\n"
    if isinstance(value, bytes):
        return b"$%d\r\n%b\r\n" % (len(value), value)
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, str):
        return f"-{value}\r\n".encode()
    return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))


def pieces(draw: st.DataObject, data: bytes) -> list[bytes]:
    """The same bytes, cut anywhere."""
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[low:high] for low, high in zip([0, *cuts], [*cuts, len(data)], strict=True)]


UINT64 = st.integers(0, UINT64_MAX) | st.integers(0, 20)
IDS = st.builds(lambda epoch, seq: b"%d-%d" % (epoch, seq), UINT64, UINT64)
STAMPS = st.integers(0, 10**16).map(lambda t: b"%d" % t) | st.sampled_from(
    [b"", b"-1", b"1x", b"007", b"1" * 15, b"9" * 16]
)
RAWS = st.binary(max_size=40) | st.sampled_from([b"\r\n*2\r\n", b"$5\r\n", b'{"op":"x"}'])
FIELDS = st.builds(lambda t, e: [b"t", t, b"e", e], STAMPS, RAWS) | st.one_of(
    st.none(),
    st.builds(lambda e: [b"e", e], RAWS),
    st.builds(lambda t, e: [b"e", e, b"t", t], STAMPS, RAWS),
    st.builds(lambda t, e: [b"t", t, b"e", e, b"x", b"y"], STAMPS, RAWS),
)
ROWS = st.lists(st.tuples(IDS, FIELDS).map(list), max_size=4)
ERRORS = st.sampled_from(["WRONGTYPE no stream", "LOADING wait", "ERR what"])


def same(one: Any, other: Any) -> bool:
    """Whether two answers say the same."""
    if isinstance(one, BusError) or isinstance(other, BusError):
        return type(one) is type(other) and str(one) == str(other)
    return bool(one == other)


@given(st.lists(ROWS | ERRORS, min_size=1, max_size=4), st.data())
def test_ranges_are_what_the_library_makes_of_them(replies: list[Any], draw: st.DataObject) -> None:
    reader = RangeReplies(Entry, Position, tail_of)
    channels = [Channel() for _ in replies]
    reader.expect(channels)
    data = b"".join(map(encoded, replies))
    answers = [answer for piece in pieces(draw, data) for answer in reader.feed(piece)]
    expected = [reply if isinstance(reply, BusError) else entries_of(reply) for reply in AnyReplies().feed(data)]
    assert len(answers) == len(expected)
    assert all(map(same, answers, expected))
    for channel, answer in zip(channels, answers, strict=True):
        if channel.low:
            assert channel.low == low_of(answer[-1].position)


@given(ROWS, ROWS, st.data())
def test_the_last_one_known_is_not_made_anew(first: list[Any], second: list[Any], draw: st.DataObject) -> None:
    reader, channel = RangeReplies(Entry, Position, tail_of), Channel()
    reader.expect([channel])
    (entries,) = reader.feed(encoded(first))
    channel.last = entries[-1] if entries else None
    known, row = channel.last, channel.row
    again = draw.draw(st.sampled_from([first[-1:] + second, second]))
    data = encoded(again)
    reader.expect([channel])
    (answer,) = [answer for piece in pieces(draw, data) for answer in reader.feed(piece)]
    assert answer == entries_of(reply_of(data))
    if row and channel.row and again and encoded(again[0]) == row:
        assert answer[0] is known


KEYS = {b"__keyspace@0__:live:{match:%d}" % number: f"match:{number}" for number in range(3)}
MESSAGES = st.sampled_from([*KEYS, b"unknown", b""]).map(lambda key: [b"message", key, b"xadd"])
OTHERS = st.sampled_from(
    [[b"subscribe", b"key", 1], [b"pong", b""], "NOPERM no", b"x", [b"message", 3, b"x"], [b"message"]]
)


@given(st.lists(MESSAGES | OTHERS, max_size=6), st.data())
def test_messages_become_their_channels_and_all_else_is_left_whole(replies: list[Any], draw: st.DataObject) -> None:
    data = b"".join(map(encoded, replies))
    reader = Announcements(KEYS, reply_of)
    answers = [answer for piece in pieces(draw, data) for answer in reader.feed(piece)]
    expected = [
        KEYS.get(reply[1])
        if isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message" and isinstance(reply[1], bytes)
        else reply
        for reply in AnyReplies().feed(data)
    ]
    assert len(answers) == len(expected)
    assert all(map(same, answers, expected))


@given(st.binary(max_size=60), st.data())
def test_what_is_no_reply_is_refused_and_never_waited_for_in_vain(data: bytes, draw: st.DataObject) -> None:
    reader, twin = Announcements({}, reply_of), AnyReplies()
    for piece in pieces(draw, data):
        try:
            answers = reader.feed(piece)
        except Garbled:
            return
        try:
            expected = twin.feed(piece)
        except Garbled:
            # The library refuses some sooner; what has come whole is the same.
            return
        assert len(answers) <= len(expected)
        assert all(map(same, answers, expected))


@pytest.mark.parametrize(
    "data",
    [
        b"?",
        b"$x\r\n",
        b"$-2\r\n",
        b"$3\r\nabcd\r\n",
        b"*9999999999\r\n",
        b"*1\r\n$1\rx",
        b"$99999999999999999999\r\n",
        b"$--1\r\n",
    ],
)
def test_what_is_no_reply_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(Garbled):
        Announcements({}, reply_of).feed(data)


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    reader = Announcements({}, reply_of)
    with pytest.raises(Garbled):
        for _ in range(70):
            reader.feed(b"-" + b"x" * 1000)


def test_more_replies_than_were_asked_for_are_refused() -> None:
    reader = RangeReplies(Entry, Position, tail_of)
    reader.expect([Channel()])
    with pytest.raises(Garbled):
        reader.feed(b"*0\r\n*0\r\n")


def test_a_new_connection_begins_with_nothing() -> None:
    reader = RangeReplies(Entry, Position, tail_of)
    reader.expect([Channel()])
    assert reader.feed(b"*1\r\n*2\r\n$3\r\n1-") == []
    reader.reset()
    reader.expect([Channel()])
    assert reader.feed(b"*0\r\n") == [[]]


def test_errors_are_those_of_the_bus() -> None:
    reader = RangeReplies(Entry, Position, tail_of)
    reader.expect([Channel(), Channel()])
    wrong, away = reader.feed(b"-WRONGTYPE no\r\n-LOADING wait\r\n")
    assert isinstance(wrong, WrongType)
    assert isinstance(away, Unavailable)

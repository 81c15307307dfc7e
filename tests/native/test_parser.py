"""The parser against its twin: cases by hand and by hypothesis, each whole, byte by byte and split at random."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.parser import Parser
from tests.native.stand import masked
from tests.native.twin import Event, Twin

MESSAGE_BYTES = 300
FRAME_BYTES = 300
FRAGMENTS = 4
RATIO = 20


def twin_of(data: bytes, deflate: bool = False, frame_bytes: int = FRAME_BYTES) -> list[Event]:
    return Twin(MESSAGE_BYTES, FRAGMENTS, frame_bytes, deflate, RATIO).feed(data)


def native_of(parts: list[bytes], deflate: bool = False, frame_bytes: int = FRAME_BYTES) -> list[Event]:
    parser = Parser(
        max_message_bytes=MESSAGE_BYTES,
        max_fragments=FRAGMENTS,
        max_frame_bytes=frame_bytes,
        deflate=deflate,
        max_inflate_ratio=RATIO,
    )
    return [event for part in parts for event in parser.feed(part)]


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def check(data: bytes, cuts: list[int], deflate: bool = False, frame_bytes: int = FRAME_BYTES) -> list[Event]:
    expected = twin_of(data, deflate, frame_bytes)
    assert native_of([data], deflate, frame_bytes) == expected
    assert native_of([data[i : i + 1] for i in range(len(data))], deflate, frame_bytes) == expected
    assert native_of(split(data, cuts), deflate, frame_bytes) == expected
    return expected


def sized(form: int, size: int, opcode: int = 2) -> bytes:
    """A head whose length is written in a form of choice."""
    return bytes([0x80 | opcode, 0x80 | form]) + struct.pack(">H" if form == 126 else ">Q", size) + b"mask"


CASES = {
    "text": (masked(1, b"hello"), [("message", 1, b"hello")]),
    "empty": (masked(2), [("message", 2, b"")]),
    "two": (masked(1, b"a") + masked(2, b"b"), [("message", 1, b"a"), ("message", 2, b"b")]),
    "fragments": (masked(1, b"a", False) + masked(0, b"b", False) + masked(0, b"c"), [("message", 1, b"abc")]),
    "ping between": (
        masked(1, b"a", False) + masked(9, b"p") + masked(0, b"b"),
        [("ping", b"p"), ("message", 1, b"ab")],
    ),
    "pong": (masked(10, b"x" * 125), [("pong", b"x" * 125)]),
    "close": (masked(8), [("close", 1005, b"")]),
    "close with reason": (masked(8, b"\x03\xe8ok") + masked(1, b"late"), [("close", 1000, b"ok")]),
    "close of one byte": (masked(8, b"\x03"), [("fail", 1002)]),
    "close 1005": (masked(8, b"\x03\xed"), [("fail", 1002)]),
    "close 1015": (masked(8, b"\x03\xf7"), [("fail", 1002)]),
    "close 2999": (masked(8, b"\x0b\xb7"), [("fail", 1002)]),
    "close 5000": (masked(8, b"\x13\x88"), [("fail", 1002)]),
    "close with bad text": (masked(8, b"\x03\xe8\xff"), [("fail", 1007)]),
    "unmasked": (b"\x81\x01a", [("fail", 1002)]),
    "rsv1": (masked(1, b"a", first=0xC1), [("fail", 1002)]),
    "opcode 3": (masked(3), [("fail", 1002)]),
    "opcode 11": (masked(11), [("fail", 1002)]),
    "fragmented ping": (masked(9, b"", False), [("fail", 1002)]),
    "long ping": (masked(9, b"x" * 126), [("fail", 1002)]),
    "continuation of nothing": (masked(0, b"a"), [("fail", 1002)]),
    "text in a message": (masked(1, b"a", False) + masked(1, b"b"), [("fail", 1002)]),
    "125 as 16 bits": (sized(126, 125), [("fail", 1002)]),
    "65535 as 64 bits": (sized(127, 65535), [("fail", 1002)]),
    "negative length": (sized(127, 1 << 63), [("fail", 1002)]),
    "huge length": (sized(127, (1 << 63) - 1), [("fail", 1009)]),
    "300": (masked(2, b"x" * 300), [("message", 2, b"x" * 300)]),
    "301": (masked(2, b"x" * 301), [("fail", 1009)]),
    "301 in two": (masked(2, b"x" * 300, False) + masked(0, b"x"), [("fail", 1009)]),
    "four fragments": (
        masked(2, b"a", False) + masked(0, b"a", False) * 2 + masked(0, b"a"),
        [("message", 2, b"aaaa")],
    ),
    "five fragments": (masked(2, b"a", False) + masked(0, b"a", False) * 3 + masked(0, b"a"), [("fail", 1008)]),
    "text cut inside a character": (
        masked(1, b"\xe2\x82", False) + masked(0, b"\xac"),
        [("message", 1, "€".encode())],
    ),
    "text that ends inside a character": (masked(1, b"abcdefghij\xe2\x82"), [("fail", 1007)]),
    "surrogate": (masked(1, b"\xed\xa0\x80"), [("fail", 1007)]),
    "overlong": (masked(1, b"\xc0\x80"), [("fail", 1007)]),
    "above unicode": (masked(1, b"\xf4\x90\x80\x80"), [("fail", 1007)]),
    "binary is not text": (masked(2, b"\xff"), [("message", 2, b"\xff")]),
    "wrong text in a first fragment": (masked(1, b"\xff", False), [("fail", 1007)]),
    "wrong text before a wrong frame": (masked(1, b"\xed\xa0", False) + masked(3), [("fail", 1007)]),
    "wrong text in a frame that is not whole": (masked(1, b"a" * 280 + b"\xf5" + b"a" * 10)[:-9], [("fail", 1007)]),
    "text that may become whole": (masked(1, b"a" * 20 + b"\xf4\x8f")[:-1], []),
    "text that cannot become whole": (masked(1, b"\xf4\x90\x80\x80")[:8], [("fail", 1007)]),
    "wrong text after a ping": (
        masked(1, b"\xce", False) + masked(9, b"p") + masked(0, b"\xba\xff", False),
        [("ping", b"p"), ("fail", 1007)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    data, expected = CASES[name]
    assert check(data, [3, 7, 11]) == expected


def squeezed(payload: bytes, level: int = 6) -> bytes:
    """A message as RFC 7692 section 7.2.1 has it."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def finished(payload: bytes) -> bytes:
    """A message whose block is marked as the last one (section 7.2.3.4)."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflater.compress(payload) + deflater.flush() + b"\0"


HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692 section 7.2.3.1
COMPRESSED_CASES = {
    "hello": (masked(1, HELLO, first=0xC1), [("message", 1, b"Hello")]),
    "hello in two frames": (
        masked(1, HELLO[:3], first=0x41) + masked(0, HELLO[3:]),
        [("message", 1, b"Hello")],
    ),
    "hello twice": (masked(1, HELLO, first=0xC1) * 2, [("message", 1, b"Hello")] * 2),
    "hello stored": (masked(1, bytes.fromhex("000500faff48656c6c6f00"), first=0xC1), [("message", 1, b"Hello")]),
    "hello in a last block": (masked(1, bytes.fromhex("f348cdc9c9070000"), first=0xC1), [("message", 1, b"Hello")]),
    "hello in two blocks": (
        masked(1, bytes.fromhex("f248050000 00ffffcac9c90700"), first=0xC1),
        [("message", 1, b"Hello")],
    ),
    "hello with context": (
        masked(1, HELLO, first=0xC1) + masked(1, bytes.fromhex("f200110000"), first=0xC1),
        [("message", 1, b"Hello"), ("fail", 1007)],
    ),
    "nothing": (masked(1, b"\0", first=0xC1), [("message", 1, b"")]),
    "a plain one between": (
        masked(1, HELLO, first=0xC1) + masked(1, b"Hello") + masked(2, HELLO, first=0xC2),
        [("message", 1, b"Hello"), ("message", 1, b"Hello"), ("message", 2, b"Hello")],
    ),
    "a ping between": (
        masked(1, HELLO[:3], first=0x41) + masked(9, b"p") + masked(0, HELLO[3:]),
        [("ping", b"p"), ("message", 1, b"Hello")],
    ),
    "not whole": (masked(1, HELLO[:-3], first=0xC1), [("fail", 1007)]),
    "empty": (masked(1, first=0xC1), [("fail", 1007)]),
    "noise": (masked(1, b"\xff" * 9, first=0xC1), [("fail", 1007)]),
    "not text": (masked(1, squeezed(b"abc\xff"), first=0xC1), [("fail", 1007)]),
    "not text, but binary": (masked(2, squeezed(b"abc\xff"), first=0xC2), [("message", 2, b"abc\xff")]),
    "300": (masked(2, squeezed(b"abc" * 100), first=0xC2), [("message", 2, b"abc" * 100)]),
    "301": (masked(2, squeezed(b"a" * 301), first=0xC2), [("fail", 1009)]),
    "a bomb": (masked(2, squeezed(bytes(1 << 17)), first=0xC2), [("fail", 1009)]),
    "many last blocks": (masked(2, b"\x03\x00" * 17 + b"\0", first=0xC2), [("fail", 1007)]),
    "compressed control": (masked(9, b"", first=0xC9), [("fail", 1002)]),
    "compressed continuation": (masked(1, b"a", False) + masked(0, b"b", first=0xC0), [("fail", 1002)]),
    "rsv2": (masked(1, b"a", first=0xA1), [("fail", 1002)]),
    "rsv1 and rsv3": (masked(1, b"a", first=0xD1), [("fail", 1002)]),
}


@pytest.mark.parametrize("name", COMPRESSED_CASES)
def test_compressed_cases(name: str) -> None:
    data, expected = COMPRESSED_CASES[name]
    assert check(data, [3, 7, 11], deflate=True) == expected
    assert check(data, [3, 7, 11])[-1] == ("fail", 1002)


def test_a_frame_has_a_limit_of_its_own() -> None:
    assert check(masked(2, b"x" * 100), [5], frame_bytes=100) == [("message", 2, b"x" * 100)]
    assert check(masked(2, b"x" * 101), [5], frame_bytes=100) == [("fail", 1009)]
    two = masked(2, b"x" * 100, False) + masked(0, b"y" * 100)
    assert check(two, [5], frame_bytes=100) == [("message", 2, b"x" * 100 + b"y" * 100)]


def test_a_ratio_has_a_limit() -> None:
    bomb = squeezed(b"a" * 200_000)
    assert len(bomb) * RATIO + 1024 < 200_000
    parser = Parser(max_message_bytes=1 << 20, deflate=True, max_inflate_ratio=RATIO)
    assert parser.feed(masked(2, bomb, first=0xC2)) == [("fail", 1009)]
    parser = Parser(max_message_bytes=1 << 20, deflate=True, max_inflate_ratio=2000)
    assert parser.feed(masked(2, bomb, first=0xC2)) == [("message", 2, b"a" * 200_000)]


payloads = st.one_of(st.binary(max_size=140), st.text(max_size=60).map(str.encode))
frames = st.builds(
    masked,
    st.sampled_from([0, 1, 1, 2, 2, 8, 9, 10, 3, 11]),
    payloads,
    st.booleans(),
    st.binary(min_size=4, max_size=4),
)
closes = st.builds(
    lambda code, text: masked(8, struct.pack(">H", code) + text[:120]),
    st.integers(990, 5010),
    payloads,
)
streams = st.lists(st.one_of(frames, frames, frames, closes), max_size=8).map(b"".join)


@settings(max_examples=400)
@given(streams, st.lists(st.integers(0, 2000), max_size=6))
def test_whatever_is_sent(data: bytes, cuts: list[int]) -> None:
    check(data, cuts)


compressed = st.builds(
    lambda opcode, payload, final, level, last: masked(
        opcode, (finished(payload) if last else squeezed(payload, level)), first=(0xC0 if final else 0x40) | opcode
    ),
    st.sampled_from([1, 2]),
    payloads,
    st.booleans(),
    st.integers(0, 9),
    st.booleans(),
)
mixed = st.lists(st.one_of(frames, compressed, compressed), max_size=6).map(b"".join)


@settings(max_examples=300)
@given(mixed, st.lists(st.integers(0, 2000), max_size=6))
def test_whatever_is_sent_compressed(data: bytes, cuts: list[int]) -> None:
    check(data, cuts, deflate=True)


@settings(max_examples=300)
@given(mixed.filter(bool), st.integers(0, 10_000), st.integers(1, 255), st.lists(st.integers(0, 2000), max_size=6))
def test_one_byte_changed_in_what_is_compressed(data: bytes, place: int, change: int, cuts: list[int]) -> None:
    spoiled = bytearray(data)
    spoiled[place % len(data)] ^= change
    check(bytes(spoiled), cuts, deflate=True)


@settings(max_examples=300)
@given(st.binary(max_size=40), st.lists(st.integers(0, 2000), max_size=6))
def test_noise(data: bytes, cuts: list[int]) -> None:
    check(data, cuts)


@settings(max_examples=300)
@given(streams.filter(bool), st.integers(0, 10_000), st.integers(1, 255), st.lists(st.integers(0, 2000), max_size=6))
def test_one_byte_changed(data: bytes, place: int, change: int, cuts: list[int]) -> None:
    spoiled = bytearray(data)
    spoiled[place % len(data)] ^= change
    check(bytes(spoiled), cuts)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*(bytes([b]) for b in b"\xed\xa0\xf0\x90\x80\xbf\xe0\xf4"), b"a" * 7]), max_size=30))
def test_text_is_checked_as_python_does(parts: list[bytes]) -> None:
    check(masked(1, b"".join(parts)), [5])

"""Compressed frames: what the wire says, read by Python's zlib and by the twin; and what bounds an inflated message."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from native.deflate import Deflater, Inflater
from tests.native.inflate_twin import TooBig, inflate

texts = st.one_of(
    st.binary(max_size=3000), st.text(max_size=300).map(str.encode), st.binary(max_size=9).map(lambda b: b * 99)
)


def opened(frame: bytes) -> tuple[int, bytes]:
    """The first byte and the payload of a server's frame."""
    size, at = frame[1], 2
    if size == 126:
        size, at = int.from_bytes(frame[2:4], "big"), 4
    elif size == 127:
        size, at = int.from_bytes(frame[2:10], "big"), 10
    assert len(frame) == at + size
    return frame[0], frame[at:]


def by_python(payload: bytes, window_bits: int) -> bytes:
    return zlib.decompressobj(-window_bits).decompress(payload + b"\x00\x00\xff\xff")


@settings(max_examples=200)
@given(st.lists(texts, max_size=4), st.integers(1, 9), st.integers(9, 15), st.booleans())
def test_every_frame_stands_by_itself(payloads: list[bytes], level: int, window_bits: int, binary: bool) -> None:
    deflater, inflater = Deflater(level=level, window_bits=window_bits), Inflater()
    for payload in payloads:
        first, body = opened(bytes(deflater.frame(payload, binary)))
        assert first & 0x3F == (2 if binary else 1)
        assert first & 0x80
        if first & 0x40:
            assert len(body) < len(payload)
            assert by_python(body, window_bits) == payload
            assert inflater.inflate(body) == payload
        else:
            assert body == payload


def test_a_small_window_is_kept() -> None:
    """A repetition farther back than the window is not used: such a frame a small client can read."""
    payload = bytes(range(256)) * 2 + zlib.compress(b"x" * 9) * 30 + bytes(range(256))
    far = bytes(i * 7 % 251 for i in range(2000))
    for window_bits in (9, 12, 15):
        first, body = opened(bytes(Deflater(window_bits=window_bits).frame(far + payload + far, True)))
        assert first & 0x40
        assert by_python(body, window_bits) == far + payload + far


def test_what_is_short_long_or_noise_goes_as_it_is() -> None:
    deflater = Deflater(min_bytes=100, max_bytes=1000)
    for payload, compressed in ((b"a" * 99, False), (b"a" * 100, True), (b"a" * 1000, True), (b"a" * 1001, False)):
        assert bool(opened(bytes(deflater.frame(payload, False)))[0] & 0x40) is compressed
    noise = zlib.compress(bytes(i * i % 253 for i in range(300)), 9)
    assert opened(bytes(deflater.frame(noise[:200], True))) == (0x82, noise[:200])
    stats = deflater.stats()
    assert stats["frames"] == 2
    assert stats["plain"] == 3
    assert stats["bytes_in"] == 1100
    assert 0 < stats["bytes_out"] < 100


def test_always_means_also_what_becomes_longer() -> None:
    deflater = Deflater(always=True)
    for payload in (b"", b"a", b"\x9f\x03\xf1"):
        first, body = opened(bytes(deflater.frame(payload, True)))
        assert first == 0xC2
        assert len(body) > len(payload)
        assert Inflater().inflate(body) == by_python(body, 15) == payload


@pytest.mark.parametrize("wrong", [{"level": 0}, {"level": 10}, {"window_bits": 8}, {"window_bits": 16}])
def test_arguments_have_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="level is 1 to 9"):
        Deflater(**wrong)


@settings(max_examples=500)
@given(
    st.one_of(
        st.binary(max_size=60),
        texts.map(lambda b: zlib.compress(b)[2:-4]),
        texts.map(lambda b: zlib.compress(b, 1)[2:]),
    ),
    st.integers(0, 4000),
    st.integers(0, 8),
)
@example(b"\x03\x00\x00", 0, 0)
@example(b"\x00", 0, 0)
def test_inflating_is_what_the_twin_does(data: bytes, limit: int, cut: int) -> None:
    data = data[: len(data) - cut]
    outcome: object
    expected: object
    try:
        expected = inflate(data, min(limit, len(data) * 1100 + 1024))
    except TooBig:
        expected = "too big"
    except ValueError:
        expected = "wrong"
    try:
        outcome = Inflater().inflate(data, max_bytes=limit)
    except OverflowError:
        outcome = "too big"
    except ValueError:
        outcome = "wrong"
    assert outcome == expected


def test_a_bomb_costs_no_more_than_its_limit() -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflater.compress(bytes(50_000_000)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(OverflowError):
        Inflater().inflate(bomb, max_bytes=65536)
    with pytest.raises(OverflowError):
        Inflater().inflate(bomb, max_bytes=1 << 30, max_ratio=10)

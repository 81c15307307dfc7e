"""Encodings and their frames: which compressor takes what, and that a form is the same in each."""

from __future__ import annotations

import zlib

import pytest

from gateway.edge.encoding import LARGE_BYTES, SUBPROTOCOLS, Encoder, Encoding
from gateway.edge.extensions import FULL_WINDOW_BITS, SMALL_WINDOW_BITS
from gateway.model.messages import Delta, Snapshot, Tick, encode_json, encode_msgpack
from gateway.settings.tree import DeflateSettings

TICK = Tick(channel="match:1", version="7-1.00000000")
DELTA = Delta(
    channel="match:1", from_="7-1.00000000", version="7-2.00000000", patch={"a": {str(k): "b" for k in range(90)}}
)
LARGE = Snapshot(
    channel="match:1",
    version="7-2.00000000",
    state={str(k): {"kills": k, "deaths": k * k % 101} for k in range(LARGE_BYTES // 20)},
    feed=[],
    status="live",
)
COMPRESSED = [encoding for encoding in Encoding if encoding.window_bits]


def opened(frame: bytes, window_bits: int) -> tuple[int, bytes]:
    """First byte and payload, inflated where it is compressed."""
    at = {126: 4, 127: 10}.get(frame[1], 2)
    body = frame[at:]
    if frame[0] & 0x40:
        body = zlib.decompressobj(-window_bits).decompress(body + b"\x00\x00\xff\xff")
    return frame[0], body


def test_forms_and_windows() -> None:
    assert {encoding for form in SUBPROTOCOLS.values() for encoding in (form,)} == {Encoding.JSON, Encoding.MSGPACK}
    for form in SUBPROTOCOLS.values():
        for bits in (FULL_WINDOW_BITS, SMALL_WINDOW_BITS):
            assert form.compressed(bits).window_bits == bits
            assert form.compressed(bits).payload_form is form
    assert Encoding.SSE.payload_form is Encoding.JSON
    assert Encoding.SSE.window_bits == 0


@pytest.mark.parametrize("encoding", COMPRESSED)
@pytest.mark.parametrize("message", [DELTA, LARGE], ids=["delta", "large"])
def test_compressed_frames_say_the_same(encoding: Encoding, message: Delta | Snapshot) -> None:
    encoder = Encoder(DeflateSettings())
    payload = encode_json(message) if encoding.payload_form is Encoding.JSON else encode_msgpack(message)
    first, body = opened(bytes(encoder.frame(message, encoding)), encoding.window_bits)
    assert first == (0xC1 if encoding.payload_form is Encoding.JSON else 0xC2)
    assert body == payload
    assert encoder.stats()["frames"] == 1
    assert encoder.stats()["bytes_in"] == len(payload)


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_bounds_of_the_settings_are_kept(encoding: Encoding) -> None:
    encoder = Encoder(DeflateSettings(min_bytes=100, max_bytes=LARGE_BYTES))
    assert len(encode_json(LARGE)) > len(encode_msgpack(LARGE)) > LARGE_BYTES
    for message in (TICK, LARGE):
        assert bytes(encoder.frame(message, encoding))[0] & 0x40 == 0
    assert encoder.stats()["frames"] == 0
    assert encoder.stats()["plain"] == 2


def test_several_messages_are_one_frame_to_send() -> None:
    encoder = Encoder(DeflateSettings())
    joined = bytes(encoder.frames([DELTA, TICK], Encoding.JSON_DEFLATE))
    one = bytes(encoder.frame(DELTA, Encoding.JSON_DEFLATE))
    assert joined == one + bytes(encoder.frame(TICK, Encoding.JSON_DEFLATE))

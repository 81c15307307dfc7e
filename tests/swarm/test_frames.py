"""The load client's frame parser on a real socket: whole, byte by byte, split at random; violations end the connection."""

from __future__ import annotations

import random
import struct

import pytest

from native.swarm import Swarm
from tests.swarm.server import Connection, Listener, delta, frame, snapshot, total, until


def opened(server: Listener, **options: int) -> tuple[Swarm, Connection]:
    swarm = Swarm(1, **options)  # type: ignore[arg-type]
    swarm.connect("127.0.0.1", server.port, "/", channel="match:1")
    return swarm, server.open(swarm)


STREAM = b"".join(
    [
        frame(snapshot(1, title="x" * 300)),
        frame(b"are you there", 9),
        frame(delta(2)),
        frame(delta(3)[:20], 1, fin=False),
        frame(b"", 9),
        frame(delta(3)[20:40], 0, fin=False),
        frame(delta(3)[40:], 0),
        frame(snapshot(4, big="y" * 70_000)),
        frame(delta(5, a=1)),
    ]
)


def check_stream(swarm: Swarm) -> None:
    until(swarm, lambda: total(swarm, "messages") == 5, "all messages")
    summary = swarm.summary()
    assert {name: summary[name] for name in ("snapshots", "deltas", "gaps", "duplicates", "malformed", "pings")} == {
        "snapshots": 2,
        "deltas": 3,
        "gaps": 0,
        "duplicates": 0,
        "malformed": 0,
        "pings": 2,
    }
    swarm.close_all(hard=True)


def test_whole(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(STREAM)
    check_stream(swarm)


@pytest.mark.parametrize("seed", range(5))
def test_split_at_random(server: Listener, seed: int) -> None:
    swarm, connection = opened(server)
    draw = random.Random(seed)
    at = 0
    while at < len(STREAM):
        size = draw.choice([1, 2, 3, 7, 50, 1000, 40_000])
        connection.send(STREAM[at : at + size])
        swarm.poll(0)
        at += size
    check_stream(swarm)


def test_byte_by_byte(server: Listener) -> None:
    swarm, connection = opened(server)
    short = frame(snapshot(1)) + frame(b"?", 9) + frame(delta(2)[:9], 1, fin=False) + frame(delta(2)[9:], 0)
    for byte in short:
        connection.send(bytes([byte]))
        swarm.poll(0)
    until(swarm, lambda: total(swarm, "messages") == 2, "both messages")
    assert (total(swarm, "gaps"), total(swarm, "pings"), swarm.held(0)) == (0, 1, swarm.member(0)["held"])
    swarm.close_all(hard=True)


def test_ping_is_answered_masked_with_its_own_bytes(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(frame(b"are you there", 9))
    assert connection.client_frame() == (10, b"are you there")
    swarm.close_all(hard=True)


def test_close_is_answered_and_its_code_noted(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(frame(struct.pack(">H", 1012) + b"draining", 8))
    assert connection.client_frame() == (8, struct.pack(">H", 1012))
    connection.close()
    until(swarm, lambda: total(swarm, "lost") == 1, "the end")
    assert swarm.summary()["close_codes"] == {1012: 1}
    assert swarm.member(0)["close_code"] == 1012


def test_own_close_is_a_handshake(server: Listener) -> None:
    swarm, connection = opened(server)
    swarm.close_all()
    assert connection.client_frame() == (8, struct.pack(">H", 1000))
    connection.close()
    until(swarm, lambda: swarm.summary()["members"]["gone"] == 1, "the end")  # type: ignore[index]


def test_hard_close_is_a_reset(server: Listener) -> None:
    swarm, connection = opened(server)
    swarm.close_all(hard=True)
    connection.wait_end()


def test_masks_differ(server: Listener) -> None:
    swarm, connection = opened(server)
    for _ in range(8):
        assert swarm.send(0, b'{"op":"beat"}')
    masks = set()
    until(swarm, lambda: connection.pump() or len(connection.received) >= 8 * 19, "the frames")
    for at in range(0, 8 * 19, 19):
        masks.add(connection.received[at + 2 : at + 6])
    assert len(masks) == 8
    swarm.close_all(hard=True)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 5000])
def test_sent_message_arrives(server: Listener, size: int) -> None:
    swarm, connection = opened(server)
    payload = random.Random(size).randbytes(size)
    assert swarm.send(0, payload, binary=True)
    assert connection.client_frame() == (2, payload)
    swarm.close_all(hard=True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bytes([0x81, 0x81, 0, 0, 0, 0, 65]), "masked"),
        (frame(b"x", first=0xC1), "reserved bit"),
        (frame(b"x", 3), "reserved opcode"),
        (frame(b"x", 11), "reserved control opcode"),
        (frame(b"x", 9, fin=False), "fragmented ping"),
        (frame(b"x" * 126, 9), "long ping"),
        (frame(b"x", 0), "continuation of nothing"),
        (frame(b"x", 1, fin=False) + frame(b"x", 1), "text inside a fragmented message"),
        (frame(b"x", form=126), "length in too long a form"),
        (frame(b"x" * 200, form=127), "length in the longest form"),
        (struct.pack(">BBQ", 0x81, 127, 1 << 62), "more than a message may have"),
        (frame(b"x", 8), "close with one byte"),
    ],
)
def test_violation_ends_the_connection(server: Listener, data: bytes, why: str) -> None:
    swarm, connection = opened(server)
    connection.send(data)
    assert connection.client_frame() == (8, struct.pack(">H", 1002)), why
    connection.wait_end()
    assert total(swarm, "violations") == 1


def test_too_large_in_fragments(server: Listener) -> None:
    swarm, connection = opened(server, max_message_bytes=1000)
    connection.send(frame(b"x" * 900, 1, fin=False) + frame(b"x" * 900, 0))
    until(swarm, lambda: total(swarm, "violations") == 1, "the violation")


def test_lost_in_mid_frame_leaves_nothing(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(frame(snapshot(1))[:-5])
    until(swarm, lambda: swarm.member(0)["bytes_in"] != 0, "the bytes")
    connection.close()
    until(swarm, lambda: total(swarm, "lost") == 1, "the loss")
    assert total(swarm, "messages") == 0

"""What a parked viewer may send: rates of control frames, sizes of frames, compressed messages; nothing is kept of them."""

from __future__ import annotations

import time
import zlib

import pytest

import native
from native.connections import CLOSE_REASONS, Table
from tests.native.stand import HEAD, SWITCH, WS, Stand, Viewer, masked


def squeezed(payload: bytes) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def deflating(stand: Stand) -> tuple[Viewer, int]:
    viewer, conn = stand.viewer()
    viewer.send(HEAD)
    stand.event("head")
    assert stand.table.upgrade(conn, WS, SWITCH, deflate=True)
    assert viewer.take() == SWITCH
    viewer.got.clear()
    return viewer, conn


def failed_with(stand: Stand, viewer: Viewer, conn: int) -> tuple[int, str]:
    """The code of the Close, and the reason told once the peer has gone."""
    frames: list[tuple[int, bytes]] = []
    stand.until(lambda: frames.extend(viewer.frames()) or [f for f in frames if f[0] == 8])
    viewer.sock.close()
    return int.from_bytes(frames[-1][1][:2], "big"), CLOSE_REASONS[stand.closed(conn)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_frame_bytes": -1},
        {"max_frame_bytes": 1 << 29},
        {"max_controls": 0},
        {"max_controls": 65535},
        {"max_inflate_ratio": 0},
        {"max_inflate_ratio": 10_001},
    ],
)
def test_limits_have_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Table(4, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("opcode", [9, 10])
def test_too_many_pings_or_pongs_in_a_second(stand: Stand, opcode: int) -> None:
    stand.again(max_controls=5)
    viewer, conn = stand.parked()
    # Twice as many and one: two seconds that they may fall into are not enough.
    viewer.send(masked(opcode, b"p") * 11)
    assert failed_with(stand, viewer, conn) == (1008, "policy")


def test_pings_within_the_rate_go_on_for_ever(stand: Stand) -> None:
    stand.again(max_controls=5)
    viewer, _ = stand.parked()
    answered = 0
    for _ in range(3):
        viewer.send(masked(9, b"p") * 2)
        answered += 2
        pongs: list[tuple[int, bytes]] = []
        stand.until(lambda pongs=pongs: pongs.extend(viewer.frames()) or len(pongs) == 2)
        assert set(pongs) == {(10, b"p")}
        # The next second of the table's clock: 16 ticks of 64 ms.
        second = time.monotonic() + 1.1
        stand.until(lambda second=second: time.monotonic() > second)
    assert stand.table.stats()["pings_in"] == answered


def test_a_frame_has_a_limit_of_its_own(stand: Stand) -> None:
    stand.again(max_frame_bytes=100)
    viewer, conn = stand.parked()
    viewer.send(masked(2, b"x" * 100, False) + masked(0, b"y" * 100))
    assert stand.event("message")[3] == b"x" * 100 + b"y" * 100
    viewer.send(masked(2, b"x" * 101))
    assert failed_with(stand, viewer, conn) == (1009, "too_big")


def test_wrong_text_ends_the_connection_before_its_frame_has_come(stand: Stand) -> None:
    viewer, conn = stand.parked()
    viewer.send(masked(1, b"a" * 50 + b"\xff" + b"a" * 5000)[:80])
    assert failed_with(stand, viewer, conn) == (1007, "payload")


def test_compressed_messages_are_told_of_as_they_were(stand: Stand) -> None:
    viewer, _ = deflating(stand)
    data = masked(1, squeezed(b"hello " * 50), first=0xC1)
    for place in range(len(data)):
        viewer.send(data[place : place + 1])
        stand.poll()
    assert stand.event("message")[2:] == (1, b"hello " * 50)
    viewer.send(masked(2, squeezed(b"ab" * 100)[:5], first=0x42) + masked(9) + masked(0, squeezed(b"ab" * 100)[5:]))
    assert stand.event("message")[2:] == (2, b"ab" * 100)
    stats = stand.table.stats()
    assert stats["inflated_out"] == 500
    assert 0 < stats["inflated_in"] < 60
    assert stats["inflate_failures"] == 0
    # Between two messages nothing of a viewer is kept.
    assert native.counts()["buffers"] == 0


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (masked(1, b"\xff" * 9, first=0xC1), (1007, "payload")),
        (masked(1, squeezed(b"text")[:-2], first=0xC1), (1007, "payload")),
        (masked(1, squeezed(b"\xff"), first=0xC1), (1007, "payload")),
        (masked(2, squeezed(bytes(70_000)), first=0xC2), (1009, "too_big")),
        (masked(9, b"", first=0xC9), (1002, "protocol")),
    ],
)
def test_hostile_compression(stand: Stand, data: bytes, outcome: tuple[int, str]) -> None:
    viewer, conn = deflating(stand)
    viewer.send(data)
    assert failed_with(stand, viewer, conn) == outcome
    assert stand.of("message") == []
    assert stand.table.stats()["inflate_failures"] == (outcome[0] != 1002)


def test_without_an_agreement_a_compressed_message_is_an_error(stand: Stand) -> None:
    viewer, conn = stand.parked()
    viewer.send(masked(1, squeezed(b"text"), first=0xC1))
    assert failed_with(stand, viewer, conn) == (1002, "protocol")


def test_inflating_is_work_that_ends_a_poll(stand: Stand) -> None:
    """Many viewers' messages that become large: told of in portions, so that the loop has its turns."""
    text = b"".join(b"%d," % (i * i % 997) for i in range(16_000))[:60_000]
    size = len(text)
    viewers = [deflating(stand)[0] for _ in range(40)]
    for viewer in viewers:
        viewer.send(masked(2, squeezed(text), first=0xC2))
    portions = []
    while sum(portions) < 40:
        portions.append(len([event for event in stand.poll() if event[0] == "message"]))
    # 128 units of load, of which a message costs 2 and every 8 KB that come out of it one more.
    assert max(portions) <= 128 // (2 + size // 8192) + 1

"""What a viewer may send, when the wheel looks at it, and what memory is left of a crowd."""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import time

import pytest

from native.connections import CLOSE_REASONS
from tests.native.measure import private_bytes
from tests.native.stand import HEAD, SSE, WS, Stand, masked

DAY_MS = 86_400_000


def now_ms(later_ms: int = 0) -> int:
    return int(time.monotonic() * 1000) + later_ms


def test_more_messages_than_the_rate_end_the_connection(stand: Stand) -> None:
    stand.again(messages_per_s=10)
    viewer, conn = stand.parked()
    viewer.send(b"".join(masked(1, b"%d" % n) for n in range(30)))
    stand.until(lambda: stand.table.kind(conn) == 0)
    # Twice the rate at once; what was sent before is told of.
    assert 20 <= len(stand.of("message")) < 30
    assert viewer.frames() == [(8, b"\x03\xf0too many messages")]
    viewer.sock.close()
    assert CLOSE_REASONS[stand.closed(conn)] == "rate_limited"


def test_more_bytes_than_the_rate_end_the_connection(stand: Stand) -> None:
    stand.again(bytes_per_s=10, max_message_bytes=2000)
    viewer, conn = stand.parked()
    for _ in range(2):
        viewer.send(masked(1, b"x" * 1900))
        stand.poll()
    assert stand.table.kind(conn) == WS
    viewer.send(masked(10, b"") * 60)
    stand.until(lambda: stand.table.kind(conn) == 0)
    assert viewer.frames() == [(8, b"\x03\xf0too many bytes")]
    viewer.sock.close()
    assert CLOSE_REASONS[stand.closed(conn)] == "rate_limited"


def test_tokens_come_back_with_time(stand: Stand) -> None:
    stand.again(messages_per_s=200)
    viewer, conn = stand.parked()
    until_s = time.monotonic() + 0.5
    sent = 0
    while time.monotonic() < until_s or sent < 450:
        # As many as the rate allows, however slow the machine is.
        if sent < 350 + (time.monotonic() - until_s + 0.5) * 200:
            viewer.send(masked(1, b"x"))
            sent += 1
        stand.poll()
    stand.until(lambda: len(stand.of("message")) == sent)
    assert stand.table.kind(conn) == WS


def test_the_trusted_tag_has_no_rate(stand: Stand) -> None:
    stand.again(messages_per_s=1, bytes_per_s=1, trusted_tag=0)
    viewer, conn = stand.parked()
    viewer.send(masked(1, b"x") * 500)
    stand.until(lambda: len(stand.of("message")) == 500)
    assert stand.table.kind(conn) == WS


def test_rates_out_of_range_are_refused(stand: Stand) -> None:
    for limits in ({"messages_per_s": -1}, {"bytes_per_s": -1}, {"opening_wait_ms": -1}):
        with pytest.raises(ValueError, match="out of range"):
            stand.again(**limits)
    stand.again()


def test_deadlines_beyond_one_turn_of_the_wheel(stand: Stand) -> None:
    stand.again(idle_timeout_ms=100_000)
    viewer, conn = stand.parked()
    begun = now_ms()
    for second in range(49):
        assert stand.table.sweep(begun + second * 1000) == []
    assert viewer.frames() == []
    stand.table.sweep(begun + 51_000)
    assert viewer.frames() == [(9, b"")]
    for second in range(52, 99):
        assert stand.table.sweep(begun + second * 1000) == []
    stand.events += stand.table.sweep(begun + 101_000)
    assert viewer.frames() == [(8, b"\x03\xe9idle")]
    viewer.sock.close()
    assert CLOSE_REASONS[stand.closed(conn)] == "idle"


def test_a_sign_of_life_puts_the_deadline_off(stand: Stand) -> None:
    stand.again(idle_timeout_ms=30_000)
    viewer, conn = stand.parked()
    stand.table.sweep(now_ms(18_000))
    assert viewer.frames() == [(9, b"")]
    viewer.send(masked(10, b""))
    stand.poll()
    # The sign came now, before the moment that was swept.
    assert stand.table.sweep(now_ms(25_000)) == []
    assert stand.table.kind(conn) == WS
    stand.events += stand.table.sweep(now_ms(31_000))
    assert viewer.frames() == [(8, b"\x03\xe9idle")]


def test_a_wheel_that_was_not_turned_for_a_day_finds_everybody(stand: Stand) -> None:
    stand.again(idle_timeout_ms=10_000, max_connections=200)
    conns = {stand.parked(kind)[1] for kind in (WS, SSE) for _ in range(20)}
    stand.events += stand.table.sweep(now_ms(DAY_MS))
    for viewer in stand.viewers:
        viewer.sock.close()
    closed = stand.until(lambda: len(stand.of("closed")) >= 20 and {e[1] for e in stand.of("closed")})
    assert closed <= conns


def test_deadlines_end_with_their_connections(stand: Stand) -> None:
    """Slots are used again at once: a deadline of the connection before must not hit the one after."""
    stand.again(max_connections=4, head_timeout_ms=1000)
    for _ in range(50):
        viewer, conn = stand.viewer()
        stand.table.abort(conn)
        stand.poll()
        viewer.sock.close()
    _, conn = stand.parked()
    assert [event for event in stand.table.sweep(now_ms(5000)) if event[1] == conn] == []
    assert stand.table.kind(conn) == WS


def settled_bytes() -> int:
    """Private memory when garbage is collected and free heap is given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return private_bytes()


class Crowd:
    """Viewers of one group with nothing but a socket each at the far end."""

    def __init__(self, stand: Stand, group: int) -> None:
        self._stand = stand
        self._group = group
        self._ends: list[socket.socket] = []

    def come(self, count: int) -> None:
        for _ in range(count):
            ours, theirs = socket.socketpair()
            self._ends.append(theirs)
            conn = self._stand.table.adopt(ours.detach(), 0, b"GET / HTTP/1.1\r\n\r\n")
            self._stand.table.poll()
            assert self._stand.table.upgrade(conn, WS, b"HTTP/1.1 101 x\r\n\r\n", group=self._group, held=1)

    def go(self, left: int) -> None:
        for end in self._ends[left:]:
            end.close()
        del self._ends[left:]
        while self._stand.table.stats()["ws"] != left:
            self._stand.table.poll()
        self._stand.table.poll()


@pytest.mark.skipif(
    os.environ.get("GRANDSTAND_SANITIZE") == "1", reason="the sanitizers keep what is freed for a while"
)
def test_memory_of_a_crowd_is_given_back(stand: Stand) -> None:
    count = 6000
    stand.again(max_connections=count + 100)
    crowd = Crowd(stand, stand.group())
    try:
        crowd.come(10)
        before = settled_bytes()
        crowd.come(count)
        held = settled_bytes() - before
        assert held > count * 50, "the far ends are counted as well"
        crowd.go(10)
        stand.table.sweep(now_ms(1000))
        assert settled_bytes() - before < held // 3
        # Ids of before are of no one, and the slots serve again.
        crowd.come(100)
        assert stand.table.stats()["ws"] == 110
    finally:
        crowd.go(0)


def test_what_came_while_the_process_stood_still_is_no_silence(stand: Stand) -> None:
    stand.again(idle_timeout_ms=10_000, head_timeout_ms=1000)
    viewer, conn = stand.parked()
    stand.table.sweep(now_ms(6000))
    assert viewer.frames() == [(9, b"")]
    late, asking = stand.viewer()
    half, waiting = stand.viewer()
    viewer.send(masked(10, b""))
    late.send(HEAD)
    half.send(HEAD[:10])
    # A minute later, and nobody has polled.
    stand.events += stand.table.sweep(now_ms(60_000))
    assert stand.table.kind(conn) == WS
    assert viewer.frames() == []
    assert [event[:2] for event in stand.of("head")] == [("head", asking)]
    assert [event[:2] for event in stand.of("closed")] == [("closed", waiting)]
    assert CLOSE_REASONS[stand.closed(waiting)] == "head_timeout"

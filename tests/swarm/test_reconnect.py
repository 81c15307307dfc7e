"""Members that come back: with the version they hold, after a jittered delay, or when `bye` said; and members that pause."""

from __future__ import annotations

import json
import struct
import time

import pytest

from native.histogram import Histogram
from native.swarm import Swarm
from tests.swarm.server import Listener, delta, frame, snapshot, total, until, version


def test_lost_member_comes_back_with_its_version(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/v1/live?channel=match:1", channel="match:1", retry_ms=(5, 5))
    first = server.open(swarm)
    first.send(frame(snapshot(1)) + frame(delta(2)))
    until(swarm, lambda: swarm.held(0) == version(2), "the version")
    first.close()
    second = server.open(swarm)
    assert second.request == f"GET /v1/live?channel=match:1&since={version(2)} HTTP/1.1"
    second.send(frame(delta(5, before=2)) + frame(delta(6)))
    until(swarm, lambda: swarm.held(0) == version(6), "the version")
    names = ("lost", "connects", "resumed", "replaced", "gaps")
    assert [total(swarm, name) for name in names] == [1, 2, 1, 0, 0]
    assert swarm.latency("outage").count == 1
    swarm.close_all(hard=True)


def test_snapshot_after_a_loss_is_no_resume(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/", channel="match:1", retry_ms=(1, 1))
    first = server.open(swarm)
    first.send(frame(snapshot(1)))
    until(swarm, lambda: swarm.held(0) == version(1), "the version")
    first.close()
    server.open(swarm).send(frame(snapshot(9)))
    until(swarm, lambda: total(swarm, "replaced") == 1, "the snapshot")
    assert total(swarm, "resumed") == 0
    swarm.close_all(hard=True)


def test_bye_says_when(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/", retry_ms=(1, 1))
    first = server.open(swarm)
    bye = json.dumps({"type": "bye", "reason": "drain", "retry_ms": [150, 160]}, separators=(",", ":")).encode()
    first.send(frame(bye) + frame(struct.pack(">H", 1012), 8))
    first.client_frame()
    begun = time.monotonic()
    first.close()
    until(swarm, lambda: total(swarm, "lost") == 1, "the loss")
    server.open(swarm)
    assert time.monotonic() - begun >= 0.1
    swarm.close_all(hard=True)


def test_refused_member_tries_again_and_slower() -> None:
    unused = Listener()
    unused.close()
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", unused.port, "/", retry_ms=(1, 4))
    until(swarm, lambda: total(swarm, "connect_failures") >= 5, "some attempts")
    swarm.close_all(hard=True)
    assert swarm.summary()["members"]["gone"] == 1  # type: ignore[index]


def test_without_retry_a_lost_member_is_gone(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/")
    server.open(swarm).close()
    until(swarm, lambda: swarm.summary()["members"]["gone"] == 1, "the end")  # type: ignore[index]


def test_paused_member_reads_nothing_until_resumed(server: Listener) -> None:
    swarm = Swarm(2)
    swarm.connect("127.0.0.1", server.port, "/", channel="match:1", receive_buffer_bytes=4096, paused=True)
    slow = server.open(swarm, 1)
    handshake_bytes = swarm.member(0)["bytes_in"]
    swarm.connect("127.0.0.1", server.port, "/", channel="match:1")
    quick = server.open(swarm, 2)
    now_us = time.time_ns() // 1000
    for connection in (slow, quick):
        connection.send(frame(snapshot(1)) + frame(delta(2, sent_us=now_us)))
    until(swarm, lambda: total(swarm, "messages") == 2, "the quick one's messages")
    swarm.poll(50)
    assert (swarm.member(0)["bytes_in"], swarm.held(1)) == (handshake_bytes, version(2))
    swarm.resume(0, 1)
    until(swarm, lambda: total(swarm, "messages") == 4, "the slow one's messages")
    assert swarm.held(0) == version(2)
    assert (swarm.latency("live").count, swarm.latency("slow").count) == (1, 1)
    swarm.pause(0, 2)
    quick.send(frame(delta(3)))
    swarm.poll(50)
    assert total(swarm, "messages") == 4
    with pytest.raises(IndexError):
        swarm.pause(1, 2)
    swarm.close_all(hard=True)


def test_latency_is_from_the_stamp_to_the_arrival(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/", channel="match:1")
    connection = server.open(swarm)
    sent_us = time.time_ns() // 1000 - 250_000
    connection.send(frame(snapshot(1, sent_us=1)) + frame(delta(2, sent_us=sent_us)))
    until(swarm, lambda: total(swarm, "deltas") == 1, "the delta")
    assert 250 <= swarm.latency("live").summary()["p50_ms"] < 2000
    assert swarm.latency("live").count == 1
    swarm.reset_latency()
    assert swarm.latency("live").count == 0
    swarm.close_all(hard=True)


def test_poll_ends_early(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/")
    connection = server.accept(swarm)
    connection.send(connection.answer())
    assert swarm.poll(10_000, until_open=1)
    connection.send(frame(snapshot(1)))
    assert swarm.poll(10_000, until_messages=1)
    assert not swarm.poll(1, until_messages=2)
    connection.close()
    assert not swarm.poll(20)


def test_histogram_knows_percentiles_within_two_percent() -> None:
    histogram, part = Histogram(), Histogram()
    for value in range(1, 100_001):
        (histogram if value % 2 else part).record(value)
    histogram.merge(part.dump())
    assert histogram.count == 100_000
    for percent in (1, 10, 50, 90, 99, 99.9, 100):
        assert histogram.percentile_us(percent) == pytest.approx(percent * 1000, rel=0.017)
    assert histogram.max_us == 100_000
    assert histogram.mean_us == pytest.approx(50_000.5)
    assert Histogram().percentile_us(99) == 0
    for value in (0, 63, 64, 127, 128, 2**20, 2**41, 2**60):
        single = Histogram()
        single.record(value)
        assert single.percentile_us(50) == min(value, 2**41 - 1)
    with pytest.raises(ValueError, match="dump"):
        histogram.merge(b"x")
    with pytest.raises(ValueError, match="between"):
        histogram.percentile_us(101)

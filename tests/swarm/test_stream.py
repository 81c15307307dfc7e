"""The load client as a reader of event streams: chunks however they are cut, the same rules, Last-Event-ID."""

from __future__ import annotations

import random

import pytest

from native.swarm import Swarm
from tests.swarm.server import Connection, Listener, delta, snapshot, total, until, version

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(payload: bytes, number: int, end: bytes = b"\n") -> bytes:
    return b"id: " + version(number).encode() + end + b"data: " + payload + end + end


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def opened(server: Listener, head: bytes = HEAD, since: str = "") -> tuple[Swarm, Connection]:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/v1/channels/match:1/stream", transport="sse", channel="match:1",
                  since=since)  # fmt: skip
    connection = server.accept(swarm)
    connection.send(head)
    until(swarm, lambda: swarm.opened == 1, "the member to be open")
    return swarm, connection


def check(swarm: Swarm) -> None:
    until(swarm, lambda: total(swarm, "messages") == 4, "the messages")
    names = ("snapshots", "deltas", "gaps", "comments", "violations")
    assert [total(swarm, name) for name in names] == [1, 3, 0, 1, 0]
    swarm.close_all(hard=True)


BODY = [event(snapshot(1), 1), event(delta(2), 2), b": still here\n\n", event(delta(3), 3), event(delta(4), 4)]


def test_event_a_chunk(server: Listener) -> None:
    swarm, connection = opened(server)
    for part in BODY:
        connection.send(chunk(part))
    check(swarm)


@pytest.mark.parametrize("seed", range(5))
def test_chunks_and_segments_cut_anywhere(server: Listener, seed: int) -> None:
    swarm, connection = opened(server)
    draw = random.Random(seed)
    text, wire, at = b"".join(BODY), b"", 0
    while at < len(text):
        size = draw.randint(1, 60)
        wire += chunk(text[at : at + size])
        at += size
    at = 0
    while at < len(wire):
        size = draw.randint(1, 40)
        connection.send(wire[at : at + size])
        swarm.poll(0)
        at += size
    check(swarm)


def test_without_chunks_and_with_crlf(server: Listener) -> None:
    swarm, connection = opened(server, HEAD.replace(b"Transfer-Encoding: chunked\r\n", b""))
    for number, payload in ((1, snapshot(1)), (2, delta(2)), (3, delta(3)), (4, delta(4))):
        connection.send(event(payload, number, b"\r\n"))
    connection.send(b": still here\r\n\r\n")
    until(swarm, lambda: total(swarm, "comments") == 1, "the comment")
    check(swarm)


def test_since_is_the_last_event_id(server: Listener) -> None:
    swarm, connection = opened(server, since=version(4))
    assert connection.headers["last-event-id"] == version(4)
    assert connection.headers["accept"] == "text/event-stream"
    connection.send(chunk(event(delta(6, before=4), 6)))
    until(swarm, lambda: total(swarm, "deltas") == 1, "the delta")
    assert total(swarm, "gaps") == 0
    swarm.close_all(hard=True)


def test_last_chunk_ends_the_stream(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(chunk(event(snapshot(1), 1)) + b"0\r\n\r\n")
    until(swarm, lambda: total(swarm, "lost") == 1, "the end")
    assert total(swarm, "snapshots") == 1


@pytest.mark.parametrize("wire", [b"xyz\r\n", b"\r\n", b"5\r\nabcdefg\r\n", b"fffffffffffffff1\r\n"])
def test_broken_chunk_is_a_violation(server: Listener, wire: bytes) -> None:
    swarm, connection = opened(server)
    connection.send(wire)
    until(swarm, lambda: total(swarm, "violations") == 1, "the violation")
    connection.wait_end()


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "bad_status"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "bad_type"),
        (b"SPDY/9 200 OK\r\n\r\n", "bad_head"),
    ],
)
def test_wrong_answer(server: Listener, head: bytes, reason: str) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/", transport="sse")
    server.accept(swarm).send(head)
    until(swarm, lambda: total(swarm, "connect_failures") == 1, "the refusal")
    assert swarm.summary()["answers"] == {reason: 1}

"""The chain of versions as the load client counts it: the rules for a viewer, in both encodings."""

from __future__ import annotations

import json

import msgspec
import pytest

from native.swarm import Swarm
from native.swarm_scan import scan_json, scan_msgpack, stamps
from tests.swarm.server import Connection, Listener, delta, frame, snapshot, total, until, version


def opened(server: Listener, since: str = "") -> tuple[Swarm, Connection]:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/", channel="match:1", since=since)
    return swarm, server.open(swarm)


def counts(swarm: Swarm, messages: int) -> tuple[int, int, int, int]:
    """(snapshots, deltas, duplicates, gaps) when so many messages have come."""
    until(swarm, lambda: total(swarm, "messages") == messages, "the messages")
    found = tuple(total(swarm, name) for name in ("snapshots", "deltas", "duplicates", "gaps"))
    swarm.close_all(hard=True)
    return found  # type: ignore[return-value]


def test_chain(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(frame(snapshot(1)) + frame(delta(2)) + frame(delta(3)))
    until(swarm, lambda: swarm.held(0) == version(3), "the last version")
    assert swarm.versions() == {version(3): 1}
    assert counts(swarm, 3) == (1, 2, 0, 0)


def test_gap_is_counted_once(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(frame(snapshot(1)) + frame(delta(3)) + frame(delta(4)))
    assert counts(swarm, 3) == (1, 2, 0, 1)


def test_same_position_of_another_history_is_a_gap(server: Listener) -> None:
    swarm, connection = opened(server)
    odd = delta(2).replace(version(1).encode(), b"7-1.ffffffff")
    connection.send(frame(snapshot(1)) + frame(odd))
    assert counts(swarm, 2) == (1, 1, 0, 1)


def test_duplicate(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(frame(snapshot(1)) + frame(delta(2)) + frame(delta(2)) + frame(delta(3)))
    assert counts(swarm, 4) == (1, 3, 1, 0)


def test_delta_before_anything_is_a_gap(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(frame(delta(2)))
    assert counts(swarm, 1) == (0, 1, 0, 1)


def test_delta_from_since_continues(server: Listener) -> None:
    swarm, connection = opened(server, since=version(1))
    assert connection.request == f"GET /?since={version(1)} HTTP/1.1"
    connection.send(frame(delta(5, before=1)))
    assert counts(swarm, 1) == (0, 1, 0, 0)


def test_snapshot_always_replaces(server: Listener) -> None:
    swarm, connection = opened(server)
    connection.send(frame(snapshot(9)) + frame(snapshot(3)) + frame(delta(4)))
    assert counts(swarm, 3) == (2, 1, 0, 0)


def test_other_messages_are_counted_and_move_nothing(server: Listener) -> None:
    swarm, connection = opened(server)
    for message in (
        {"type": "tick", "channel": "match:1", "version": version(1)},
        {"type": "tick", "channel": "match:1", "version": version(2)},
        {"type": "status", "channel": "match:1", "status": "paused", "behind_ms": 3},
        {"type": "error", "code": "bad_request", "message": 'say "watch"'},
        {"type": "bye", "reason": "drain", "retry_ms": [10, 20]},
        {"type": "surprise", "channel": "match:1"},
        {"type": "delta", "channel": "match:2", "from": version(1), "version": version(2), "patch": {}},
    ):
        connection.send(frame(json.dumps(message, separators=(",", ":")).encode()))
    connection.send(frame(b"not json"))
    connection.send(frame(snapshot(1)))
    until(swarm, lambda: total(swarm, "messages") == 9, "all")
    summary = swarm.summary()
    names = ("ticks", "stale_ticks", "statuses", "errors", "byes", "malformed", "strays", "snapshots", "gaps")
    assert [summary[name] for name in names] == [2, 2, 1, 1, 1, 2, 1, 1, 0]
    swarm.close_all(hard=True)


def test_msgpack(server: Listener) -> None:
    swarm, connection = opened(server)
    for text in (snapshot(1), delta(2), delta(3)):
        connection.send(frame(msgspec.msgpack.encode(json.loads(text)), 2))
    assert counts(swarm, 3) == (1, 2, 0, 0)


def test_number_in_the_channel(server: Listener) -> None:
    swarm = Swarm(2)
    swarm.connect("127.0.0.1", server.port, "/?channel=match:{n}", channel="match:{n}", count=2, numbers=(7, 2))
    for expected in (1, 2):
        connection = server.open(swarm, expected)
        channel = connection.request.split("channel=")[1].split()[0]
        connection.send(frame(snapshot(1, channel=channel)))
    until(swarm, lambda: total(swarm, "snapshots") == 2, "both")
    assert total(swarm, "strays") == 0
    swarm.close_all(hard=True)


MESSAGES = [
    ({"type": "delta", "channel": "match:1", "from": "1-1.00000000", "version": "1-2.00000001", "patch": {}}, "delta"),
    ({"type": "snapshot", "channel": "match:1", "version": "1-2.00000001", "state": {"n": 1}}, "snapshot"),
    ({"type": "tick", "channel": "c:" + "x" * 128, "version": "1-2.00000001"}, "tick"),
    ({"type": "status", "channel": "match:1", "status": "live", "behind_ms": 0}, "status"),
    ({"type": "error", "code": "internal", "message": ""}, "error"),
    ({"type": "bye", "reason": "drain", "retry_ms": [1, 2]}, "bye"),
]


@pytest.mark.parametrize(("message", "kind"), MESSAGES)
def test_scanner_reads_both_encodings_alike(message: dict[str, object], kind: str) -> None:
    expected = (
        kind,
        *(
            str(message.get(name, "")).encode() if kind not in ("error", "bye") else b""
            for name in ("channel", "from", "version")
        ),
    )
    assert scan_json(msgspec.json.encode(message)) == expected
    assert scan_msgpack(msgspec.msgpack.encode(message)) == expected


@pytest.mark.parametrize(("message", "kind"), MESSAGES[:4])
def test_scanner_refuses_every_prefix_of_the_header(message: dict[str, object], kind: str) -> None:
    text, packed = msgspec.json.encode(message), msgspec.msgpack.encode(message)
    for cut in range(len(text)):
        assert scan_json(text[:cut])[0] == "malformed" or text[cut - 1 : cut] == b"}"
    header = packed.index(b"match:1") if b"match:1" in packed else 20
    for cut in range(header):
        assert scan_msgpack(packed[:cut])[0] == "malformed"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"type":"delta"}',
        b'{"channel":"match:1","type":"delta"}',
        b'{"type":"delta","channel":"a\\"b","from":"x","version":"y"}',
        b'{"type":"delta","channel":"match:1","version":"y","from":"x"}',
        b"\x80",
        b"\x81\xa4type",
        b"\x82\xa4type\xd9\xff",
    ],
)
def test_scanner_refuses_what_is_not_a_message(data: bytes) -> None:
    assert scan_json(data)[0] == "malformed"
    assert scan_msgpack(data)[0] == "malformed"


def test_stamps_in_both_encodings() -> None:
    value = {"patch": {"sent_us": 1_764_000_000_000_001}, "events": [{"sent_us": 1_764_000_000_000_002}]}
    expected = [1_764_000_000_000_001, 1_764_000_000_000_002]
    assert stamps(msgspec.json.encode(value)) == expected
    assert stamps(msgspec.msgpack.encode(value)) == expected
    assert stamps(b"sent_us") == stamps(b'"sent_us":"x"') == stamps(b"\xa7sent_us\xcf\x00") == []

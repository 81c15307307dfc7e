"""What an operator may ask of a table: a group's members, and how one connection is doing."""

from __future__ import annotations

from native.connections import WS
from native.frames import raw_frame, ws_frame
from tests.native.stand import Stand


def test_members_are_listed_up_to_a_number(stand: Stand) -> None:
    group = stand.group()
    conns = [stand.parked()[1] for _ in range(3)]
    for conn in conns:
        stand.table.subscribe(conn, group, 1)
    assert stand.table.members(group, 10) == conns
    assert stand.table.members(group, 2) == conns[:2]
    assert stand.table.members(group, 0) == []


def test_a_connection_tells_what_it_holds_and_what_is_left_to_send(stand: Stand) -> None:
    group, other = stand.group(), stand.group()
    _, conn = stand.parked(small=True)
    stand.table.subscribe(conn, group, 7)
    stand.table.subscribe(conn, other, 1)
    described = stand.table.describe(conn)
    assert described is not None
    assert described["kind"] == WS
    assert described["groups"] == [(group, 7, False), (other, 1, False)]
    assert described["pending_bytes"] == 0
    assert described["silent_ms"] >= 0
    stand.fanout.start(group, raw_frame(b"x" * 400_000), 7, 8)
    stand.run()
    described = stand.table.describe(conn)
    assert described is not None
    assert 0 < described["pending_bytes"] < 400_000
    stand.fanout.start(group, ws_frame(b"next", False), 8, 9)
    stand.run()
    described = stand.table.describe(conn)
    assert described is not None
    assert described["groups"][0] == (group, 8, True)


def test_who_is_gone_is_not_described(stand: Stand) -> None:
    _, conn = stand.viewer()
    assert stand.table.describe(conn) is None
    _, parked = stand.parked()
    stand.table.abort(parked)
    assert stand.table.describe(parked) is None

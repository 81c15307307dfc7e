"""One viewer under pressure, or one that makes it: nobody waits for ever, and nobody holds the loop."""

from __future__ import annotations

import socket

from native.connections import WS
from native.frames import Frame, ws_frame
from tests.native.stand import HEAD, SWITCH, Stand, Viewer, masked

# Empty messages, the most that a peer can have told of by the fewest bytes.
FLOOD = 10_000
# A poll may tell of that many and still be over in a few milliseconds.
EVENTS_MAX = 1_000
POLICY_VIOLATION = 1008


def big() -> Frame:
    """More than the small socket takes at once."""
    return ws_frame(b"x" * 20_000, False)


def behind_in_two_groups(stand: Stand) -> tuple[Viewer, int, int, int]:
    """A viewer that is behind in two groups and has been told of in one: (viewer, conn, told of, other)."""
    groups = stand.group(), stand.group()
    viewer, conn = stand.parked(small=True)
    for group in groups:
        assert stand.table.subscribe(conn, group, 1) == 1
    seq = 1
    while not all(stand.table.group_behind(group) for group in groups):
        for group in groups:
            stand.fanout.start(group, big(), seq, seq + 1)
        stand.run()
        seq += 1

    def told() -> int | None:
        viewer.take()
        return next((event[1] + 1 for event in stand.of("behind")), None)

    first = stand.until(told) - 1
    stand.events.clear()
    return viewer, conn, first, groups[1] if first == groups[0] else groups[0]


def wait_for_behind(stand: Stand, viewer: Viewer, group: int) -> None:
    def told() -> bool:
        viewer.take()
        return any(event[1] == group for event in stand.of("behind"))

    stand.until(told)


def test_leaving_a_group_that_was_told_of_gives_the_others_their_turn(stand: Stand) -> None:
    viewer, conn, first, other = behind_in_two_groups(stand)
    assert stand.table.unsubscribe(conn, first)
    wait_for_behind(stand, viewer, other)


def test_joining_anew_a_group_that_was_told_of_gives_the_others_their_turn(stand: Stand) -> None:
    viewer, conn, first, other = behind_in_two_groups(stand)
    assert stand.table.subscribe(conn, first, 100) == 1
    wait_for_behind(stand, viewer, other)


def test_under_lasting_pressure_every_group_of_a_connection_has_its_turn(stand: Stand) -> None:
    groups = [stand.group() for _ in range(5)]
    viewer, conn = stand.parked(small=True)
    for group in groups:
        assert stand.table.subscribe(conn, group, 1) == 1
    served = dict.fromkeys(groups, 0)
    for seq in range(1, 200):
        for group in groups:
            stand.fanout.start(group, big(), seq, seq + 1)
        stand.run()
        viewer.take()
        for event in stand.poll():
            served[event[1]] += stand.fanout.serve(event[1], event[2], big(), seq + 1)
    assert min(served.values()) > 5, served
    assert max(served.values()) - min(served.values()) <= 2, served


def test_subscriptions_come_and_go_in_any_order(stand: Stand) -> None:
    groups = [stand.group() for _ in range(4)]
    _, conn = stand.parked()
    for leaving in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]):
        for group in groups:
            assert stand.table.subscribe(conn, group, 1) == 1
        left = set(groups)
        for index in leaving:
            assert set(stand.table.subscriptions(conn)) == left
            assert stand.table.unsubscribe(conn, groups[index])
            assert not stand.table.unsubscribe(conn, groups[index])
            left.remove(groups[index])
        assert stand.table.subscriptions(conn) == []


def test_a_flood_of_small_messages_is_told_of_in_portions(stand: Stand) -> None:
    viewer, _ = stand.parked()
    viewer.send(masked(1) * FLOOD)
    most = total = 0
    while total < FLOOD:
        told = len(stand.poll())
        most, total = max(most, told), total + told
    assert most <= EVENTS_MAX
    assert stand.of("closed") == []


def test_much_behind_a_request_head_is_refused(stand: Stand) -> None:
    ours, theirs = socket.socketpair()
    viewer = Viewer(theirs)
    stand.viewers.append(viewer)
    conn = stand.table.adopt(ours.detach(), 0, HEAD + masked(1) * FLOOD)
    stand.event("head")
    assert stand.table.upgrade(conn, WS, SWITCH)
    stand.poll()
    assert stand.of("message") == []
    assert stand.table.subscribe(conn, stand.group(), 1) == 0
    assert viewer.take().startswith(SWITCH)
    del viewer.got[: len(SWITCH)]
    assert viewer.frames() == [(8, POLICY_VIOLATION.to_bytes(2, "big"))]

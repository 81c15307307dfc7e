"""Fan-out: who gets a frame, who is behind and how they come back, joins and leaves in the middle of a job."""

from __future__ import annotations

import os
import random
import socket

import pytest

from native.connections import CLOSE_REASONS, SSE, WS
from native.fanout import Fanout
from native.frames import join_frames, raw_frame, ws_frame
from tests.native.stand import Stand, Viewer

BIG = 400_000


def members(stand: Stand, group: int, count: int, held: int = 1, **how: bool) -> list[tuple[Viewer, int]]:
    made = [stand.parked(**how) for _ in range(count)]
    for _, conn in made:
        assert stand.table.subscribe(conn, group, held) == 1
    return made


def test_every_member_gets_the_frame_once(stand: Stand) -> None:
    group = stand.group()
    viewers = members(stand, group, 20)
    frame = ws_frame(b"goal", False)
    stand.fanout.start(group, frame, 1, 2)
    assert stand.fanout.active(group)
    assert not stand.fanout.run()
    assert not stand.fanout.active(group)
    for viewer, _ in viewers:
        assert viewer.frames() == [(1, b"goal")]
    assert stand.table.stats()["frames_out"] == 40


def test_only_those_who_hold_the_version_get_it(stand: Stand) -> None:
    group = stand.group()
    (current, _), (ahead, ahead_conn) = members(stand, group, 2)
    stand.table.subscribe(ahead_conn, group, 5)
    stand.fanout.start(group, ws_frame(b"a", False), 1, 2)
    stand.run()
    assert current.frames() == [(1, b"a")]
    assert ahead.frames() == []


def test_who_holds_less_than_the_job_starts_from_is_told_of_as_behind(stand: Stand) -> None:
    group = stand.group()
    [(viewer, _)] = members(stand, group, 1, held=1)
    stand.fanout.start(group, ws_frame(b"no", False), 3, 4)
    stand.run()
    assert stand.event("behind") == ("behind", group, 1)
    assert stand.fanout.serve(group, 1, ws_frame(b"all", False), 4) == 1
    assert viewer.frames() == [(1, b"all")]


def test_a_small_group_takes_the_next_frame_at_any_time(stand: Stand) -> None:
    group = stand.group()
    viewers = members(stand, group, 15)
    assert stand.fanout.start(group, ws_frame(b"a", False), 1, 2) is False
    assert [viewer.frames() for viewer, _ in viewers] == [[]] * 15, "frames of one turn go out together"
    assert stand.fanout.start_aux(group, ws_frame(b"b", False)) is False
    assert stand.fanout.start(group, ws_frame(b"c", False), 2, 3) is False
    [(late, _)] = members(stand, group, 1, held=3)
    stand.run()
    assert not stand.fanout.active(group)
    for viewer, _ in viewers:
        assert viewer.frames() == [(1, b"a"), (1, b"b"), (1, b"c")]
    assert late.frames() == [], "it came with the newest version"
    assert stand.fanout.start(stand.group(), raw_frame(b"nobody"), 1, 2) is False


def test_a_group_that_grew_is_small_until_its_next_frame(stand: Stand) -> None:
    group = stand.group()
    viewers = members(stand, group, 16)
    assert stand.fanout.start(group, ws_frame(b"a", False), 1, 2) is False
    viewers += members(stand, group, 1, held=2)
    assert stand.fanout.start(group, ws_frame(b"b", False), 2, 3) is True, "one more is a crowd"
    with pytest.raises(RuntimeError, match="still on its way"):
        stand.fanout.start_aux(group, ws_frame(b"c", False))
    stand.run()
    assert [viewer.frames() for viewer, _ in viewers] == [[(1, b"a"), (1, b"b")]] * 16 + [[(1, b"b")]]


def test_a_small_group_is_freed_with_a_frame_on_its_way(stand: Stand) -> None:
    group = stand.table.group_new()
    [(viewer, conn)] = members(stand, group, 1)
    stand.fanout.start(group, ws_frame(b"a", False), 1, 2)
    stand.table.unsubscribe(conn, group)
    stand.table.group_free(group)
    again = stand.group()
    assert again == group
    stand.table.subscribe(conn, again, 1)
    assert stand.fanout.start(again, ws_frame(b"b", False), 1, 2) is False
    stand.run()
    assert viewer.frames() == [(1, b"b")]


def test_members_that_died_do_not_keep_a_small_group(stand: Stand) -> None:
    group = stand.group()
    viewers = members(stand, group, 8)
    for viewer, _ in viewers[:5]:
        viewer.sock.close()
    frame = ws_frame(b"x" * 100, False)
    for seq in range(1, 4):
        assert stand.fanout.start(group, frame, seq, seq + 1) is False
    stand.run()
    assert stand.table.group_size(group) == 3
    for viewer, _ in viewers[5:]:
        assert len(viewer.frames()) == 3


def test_one_job_at_a_time(stand: Stand) -> None:
    group, other = stand.group(), stand.group()
    members(stand, group, 17)
    members(stand, other, 17)
    frame = raw_frame(b"x")
    stand.fanout.start(group, frame, 1, 2)
    with pytest.raises(RuntimeError, match="still on its way"):
        stand.fanout.start(group, frame, 1, 2)
    with pytest.raises(RuntimeError, match="still on its way"):
        stand.fanout.start_aux(group, frame)
    stand.fanout.start(other, frame, 1, 2)
    stand.run()
    with pytest.raises(ValueError, match="forward"):
        stand.fanout.start(group, frame, 2, 2)
    with pytest.raises(ValueError, match="no group"):
        stand.fanout.start(99, frame, 1, 2)


def test_slices_serve_all_and_start_elsewhere_each_time(stand: Stand) -> None:
    stand.again(max_connections=200)
    group = stand.group()
    viewers = members(stand, group, 100)
    firsts = set()
    for seq in range(1, 9):
        stand.fanout.start(group, ws_frame(b"%d" % seq, False), seq, seq + 1)
        assert stand.fanout.run(0)
        got = [i for i, (viewer, _) in enumerate(viewers) if viewer.take()]
        assert 0 < len(got) < 100
        firsts.add(got[0])
        while stand.fanout.run(0):
            pass
        for viewer, _ in viewers:
            assert viewer.frames() == [(1, b"%d" % seq)]
    assert len(firsts) > 4


def test_full_socket_then_one_catch_up(stand: Stand) -> None:
    group = stand.group()
    [(slow, conn)] = members(stand, group, 1, small=True)
    [(quick, _)] = members(stand, group, 1)
    frames: list[tuple[int, bytes]] = []
    # In the middle of the first frame it counts as holding 2; what follows makes it behind, however often.
    stand.fanout.start(group, ws_frame(b"b" * 100_000, True), 1, 2)
    stand.run()
    assert stand.table.stats()["partial_sends"] == 1
    for seq in range(2, 7):
        stand.fanout.start(group, ws_frame(b"s%d" % seq, False), seq, seq + 1)
        stand.run()
    assert stand.table.group_behind(group) == 1
    assert [payload for _, payload in quick.frames()[1:]] == [b"s2", b"s3", b"s4", b"s5", b"s6"]
    stand.until(lambda: (frames.extend(slow.frames()), stand.of("behind"))[1])
    frames.extend(slow.frames())
    assert frames == [(2, b"b" * 100_000)]
    assert stand.event("behind") == ("behind", group, 2)
    assert stand.fanout.serve(group, 2, ws_frame(b"caught up", False), 7) == 1
    stand.fanout.start(group, ws_frame(b"s7", False), 7, 8)
    stand.run()
    assert slow.frames() == [(1, b"caught up"), (1, b"s7")]
    assert quick.frames() == [(1, b"s7")]
    assert stand.table.kind(conn) == WS


def fill(viewer: Viewer, stand: Stand, conn: int) -> int:
    """Fills the socket to the last byte; how many frames went."""
    frame = ws_frame(b"f" * 100, False)
    for count in range(1, 100_000):
        stand.table.send(conn, frame)
        if stand.table.stats()["partial_sends"] or stand.table.stats()["blocked_sends"]:
            return count
    raise AssertionError("never full")


def test_subscribing_to_a_full_socket_needs_a_snapshot_later(stand: Stand) -> None:
    group = stand.group()
    viewer, conn = stand.parked(small=True)
    fill(viewer, stand, conn)
    assert stand.table.subscribe(conn, group, 5, ws_frame(b"snapshot", False)) == 2
    assert stand.table.group_behind(group) == 1
    frames: list[tuple[int, bytes]] = []
    stand.until(lambda: (frames.extend(viewer.frames()), stand.of("behind"))[1])
    assert stand.event("behind") == ("behind", group, 0)
    assert stand.fanout.serve(group, 0, ws_frame(b"snapshot", False), 6) == 1
    assert stand.table.group_behind(group) == 0
    stand.until(lambda: (frames.extend(viewer.frames()), frames and frames[-1][1] == b"snapshot")[1])


def test_one_event_for_all_who_hold_the_same(stand: Stand) -> None:
    group = stand.group()
    viewers = members(stand, group, 10, small=True)
    for _, conn in viewers:
        stand.table.send(conn, ws_frame(b"x" * BIG, False))
    stand.fanout.start(group, ws_frame(b"a", False), 1, 2)
    stand.run()
    assert stand.table.group_behind(group) == 10
    for _, conn in viewers[:5]:
        stand.table.subscribe(conn, group, 1)
    stand.table.subscribe(viewers[0][1], group, 1)
    stand.fanout.start(group, ws_frame(b"b", False), 2, 3)
    stand.run()
    assert stand.table.group_behind(group) == 10
    for _ in range(400):
        for viewer, _ in viewers:
            viewer.take()
        stand.poll()
    assert stand.of("behind") == [("behind", group, 1)]
    assert stand.fanout.serve(group, 1, ws_frame(b"c", False), 3) == 10
    for viewer, _ in viewers:
        assert [frame[1] for frame in viewer.frames()][1:] == [b"c"]


def test_an_event_that_was_not_served_comes_again_with_the_next_job(stand: Stand) -> None:
    group = stand.group()
    [(viewer, conn)] = members(stand, group, 1, small=True)
    stand.table.send(conn, ws_frame(b"x" * BIG, False))
    stand.fanout.start(group, ws_frame(b"a", False), 1, 2)
    stand.run()
    stand.until(lambda: (viewer.take(), stand.of("behind"))[1])
    stand.events.clear()
    for _ in range(5):
        stand.poll()
    assert stand.events == []
    stand.fanout.start(group, ws_frame(b"b", False), 2, 3)
    stand.run()
    assert stand.event("behind") == ("behind", group, 1)
    assert stand.fanout.serve(group, 1, ws_frame(b"c", False), 3) == 1
    assert stand.fanout.serve(group, 1, ws_frame(b"c", False), 3) == 0


def test_a_connection_behind_in_several_groups_is_served_one_after_the_other(stand: Stand) -> None:
    groups = [stand.group() for _ in range(4)]
    viewer, conn = stand.parked(small=True)
    for i, group in enumerate(groups):
        stand.table.subscribe(conn, group, 10 + i)
    stand.table.send(conn, ws_frame(b"x" * BIG, False))
    for i, group in enumerate(groups):
        stand.fanout.start(group, ws_frame(b"missed", False), 10 + i, 20 + i)
    stand.run()
    assert stand.table.stats()["behind"] == 4
    left = {(group, 10 + i) for i, group in enumerate(groups)}
    while left:
        _, group, held = stand.until(lambda: (viewer.take(), stand.of("behind"))[1])[0]
        assert len(stand.of("behind")) == 1
        stand.events.clear()
        left.remove((group, held))
        assert stand.fanout.serve(group, held, ws_frame(b"g%d" % group, False), held + 10) == 1
    got = [payload for _, payload in viewer.frames()][1:]
    assert sorted(got) == sorted(b"g%d" % group for group in groups)
    assert stand.table.stats()["behind"] == 0


def test_aside_messages_pass_over_those_who_are_behind(stand: Stand) -> None:
    group = stand.group()
    [(slow, slow_conn)] = members(stand, group, 1, small=True)
    [(quick, _)] = members(stand, group, 1)
    stand.table.send(slow_conn, ws_frame(b"x" * BIG, False))
    stand.fanout.start_aux(group, join_frames([ws_frame(b"tick", False), ws_frame(b"status", False)]))
    stand.run()
    assert quick.frames() == [(1, b"tick"), (1, b"status")]
    stand.until(lambda: slow.frames())
    assert slow.frames() == []
    stand.fanout.start(group, ws_frame(b"a", False), 1, 2)
    stand.run()
    assert slow.frames() == quick.frames() == [(1, b"a")]


def test_joins_and_leaves_during_a_job(stand: Stand) -> None:
    stand.again(max_connections=400)
    chance = random.Random(7)
    group = stand.group()
    viewers = members(stand, group, 200)
    for seq in range(1, 6):
        stand.fanout.start(group, ws_frame(b"%d" % seq, False), seq, seq + 1)
        gone: list[int] = []
        while stand.fanout.run(0):
            if len(viewers) > 60:
                _, conn = viewers.pop(chance.randrange(len(viewers)))
                (stand.table.unsubscribe(conn, group) if chance.random() < 0.5 else stand.table.abort(conn))
                gone.append(conn)
            if chance.random() < 0.3:
                viewers += members(stand, group, 1, held=seq)
        for viewer, _ in viewers:
            assert viewer.frames() == [(1, b"%d" % seq)]
    assert stand.table.group_size(group) == len(viewers)


def test_aside_messages_come_once_in_spite_of_leaves(stand: Stand) -> None:
    stand.again(max_connections=200)
    group = stand.group()
    viewers = members(stand, group, 100)
    stand.fanout.start_aux(group, ws_frame(b"t", False))
    while stand.fanout.run(0):
        _, conn = viewers.pop(0)
        stand.table.unsubscribe(conn, group)
    for viewer, _ in viewers:
        assert viewer.frames() == [(1, b"t")]


def test_a_dead_viewer_is_told_of_and_the_others_served(stand: Stand) -> None:
    group = stand.group()
    viewers = members(stand, group, 10)
    for viewer, _ in viewers[::3]:
        viewer.sock.close()
    stand.fanout.start(group, ws_frame(b"a", False), 1, 2)
    stand.run()
    # Nothing but the table's own signal says that there is something to tell.
    stand.until(lambda: len(stand.of("closed")) == 4)
    assert {CLOSE_REASONS[e[2]] for e in stand.of("closed")} == {"error"}
    for i, (viewer, _) in enumerate(viewers):
        if i % 3:
            assert viewer.frames() == [(1, b"a")]
    assert stand.table.group_size(group) == 6


def test_a_viewer_that_goes_while_it_waits_for_its_catch_up(stand: Stand) -> None:
    group = stand.group()
    viewers = members(stand, group, 3, small=True)
    for _, conn in viewers:
        stand.table.send(conn, ws_frame(b"x" * BIG, False))
    stand.fanout.start(group, ws_frame(b"a", False), 1, 2)
    stand.run()
    for _ in range(400):
        for viewer, _ in viewers:
            viewer.take()
        stand.poll()
    stand.table.abort(viewers[1][1])
    assert stand.fanout.serve(group, 1, ws_frame(b"c", False), 2) == 2
    assert stand.table.group_behind(group) == 0


def test_groups_are_freed_when_empty_only(stand: Stand) -> None:
    group = stand.table.group_new()
    (viewer, conn), *others = members(stand, group, 17)
    with pytest.raises(ValueError, match="members"):
        stand.table.group_free(group)
    stand.fanout.start(group, raw_frame(b"x"), 1, 2)
    for _, member in [(viewer, conn), *others]:
        stand.table.unsubscribe(member, group)
    stand.table.group_free(group)
    assert not stand.fanout.active(group)
    with pytest.raises(ValueError, match="no group"):
        stand.table.group_size(group)
    again = stand.group()
    assert again == group
    stand.table.subscribe(conn, again, 1)
    stand.fanout.start(again, raw_frame(b"y"), 1, 2)
    stand.run()
    assert viewer.take() == b"y"


def test_subscriptions_are_bounded(stand: Stand) -> None:
    stand.again(max_subscriptions=3)
    groups = [stand.group() for _ in range(4)]
    _, conn = stand.parked()
    assert [stand.table.subscribe(conn, group, 1) for group in groups] == [1, 1, 1, 0]
    assert stand.table.subscribe(conn, groups[0], 2) == 1
    assert sorted(stand.table.subscriptions(conn)) == sorted(groups[:3])
    assert stand.table.unsubscribe(conn, groups[1])
    assert not stand.table.unsubscribe(conn, groups[1])
    assert stand.table.subscribe(conn, groups[3], 1) == 1
    with pytest.raises(ValueError, match="no group"):
        stand.table.subscribe(conn, 77, 1)


def test_many_groups_of_one_viewer_each(stand: Stand) -> None:
    stand.again(max_connections=100)
    pairs = []
    for _ in range(80):
        group = stand.group()
        pairs.append((group, members(stand, group, 1)[0][0]))
    for group, _ in pairs:
        stand.fanout.start(group, ws_frame(b"%d" % group, False), 1, 2)
    while stand.fanout.run(0):
        pass
    for group, viewer in pairs:
        assert viewer.frames() == [(1, b"%d" % group)]


def test_streams_and_sockets_side_by_side(stand: Stand) -> None:
    group = stand.group()
    stream, conn = stand.parked(SSE, small=True)
    stand.table.subscribe(conn, group, 1)
    chunk = raw_frame(b"d" * BIG)
    stand.fanout.start(group, chunk, 1, 2)
    stand.run()
    stand.table.close(conn, 1012, b"drain")
    stand.until(lambda: (stream.take(), stream.ended)[1])
    assert stream.take() == b"d" * BIG + b"0\r\n\r\n"


def test_send_buffer_setting_bounds_what_the_kernel_takes() -> None:
    taken = []
    for size in (8192, 0):
        stand = Stand(send_buffer_bytes=size)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        stand.table.listen(listener.fileno(), 0)
        client = socket.create_connection(listener.getsockname())
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        conn = stand.event("head")[1]
        stand.table.upgrade(conn, WS, b"x")
        stand.table.send(conn, raw_frame(os.urandom(8_000_000)))
        taken.append(stand.table.stats()["bytes_out"])
        client.close()
        stand.end()
        listener.close()
        del stand
    assert taken[0] < taken[1]


def test_a_fanout_can_end_in_the_middle_of_a_job(stand: Stand) -> None:
    group = stand.group()
    members(stand, group, 50)
    other = Fanout(stand.table)
    other.start(group, raw_frame(b"x"), 1, 2)
    other.run(0)
    assert stand.fanout.active(group)

"""The table: accept, heads, upgrade, release, refuse, messages, control slot, closing, time-outs, stale ids."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import time

import pytest

from gateway.edge.failures import HeadTooLarge, Unavailable, response
from native.connections import CLOSE_REASONS, SSE, WS, Table
from native.frames import raw_frame, ws_frame
from tests.native.stand import HEAD, SWITCH, Stand, Viewer, masked


def reason(stand: Stand, conn: int) -> str:
    return CLOSE_REASONS[stand.closed(conn)]


def soon(ms: int) -> int:
    """A monotonic time that lies ahead."""
    return int(time.monotonic() * 1000) + ms


def test_accepts_in_batches_with_the_tag_of_the_listener(stand: Stand) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    stand.table.listen(listener.fileno(), 7)
    clients = [socket.create_connection(listener.getsockname()) for _ in range(40)]
    stand.until(lambda: stand.table.connected == 40)
    clients[3].sendall(HEAD)
    kind, conn, tag, head = stand.event("head")
    assert (kind, tag, head) == ("head", 7, HEAD)
    host, port = clients[3].getsockname()
    assert stand.table.peer(conn) == f"{host}:{port}"
    assert stand.table.tag(conn) == 7
    assert stand.table.unlisten(listener.fileno())
    assert not stand.table.unlisten(listener.fileno())
    assert stand.table.stats()["accepts"] == 40
    for client in clients:
        client.close()
    stand.until(lambda: stand.table.connected == 0 or len(stand.of("closed")) >= 39)
    listener.close()


def test_a_full_table_answers_503_and_takes_the_next_when_there_is_room(stand: Stand) -> None:
    table = stand.again(max_connections=2)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        table.listen(listener.fileno(), 0)

        def client() -> Viewer:
            viewer = Viewer(socket.create_connection(listener.getsockname()))
            stand.viewers.append(viewer)
            viewer.send(HEAD)
            return viewer

        inside = [client() for _ in range(2)]
        held = [stand.event("head")[1] for _ in inside]
        expected = response(Unavailable("this worker has as many viewers as it may"))
        refused = client()
        stand.until(lambda: refused.take() == expected and refused.ended)
        # Who does not read that, or does not go, takes no room from others; beyond the spare slots nobody is waited for.
        lingering = [client() for _ in range(300)]
        stand.until(lambda: all(viewer.take() and viewer.ended for viewer in lingering))
        assert {bytes(viewer.got) for viewer in lingering} == {expected}
        assert table.stats()["refused_full"] == 301
        assert table.connected == 2
        inside[0].sock.close()
        assert table.abort(held[0])
        stand.until(lambda: CLOSE_REASONS[stand.closed(held[0])] == "aborted")
        last = client()
        last_conn = stand.event("head")[1]
        assert table.upgrade(last_conn, WS, SWITCH)
        assert last.take() == SWITCH
        # An adopted one is answered as well.
        ours, theirs = socket.socketpair()
        viewer = Viewer(theirs)
        stand.viewers.append(viewer)
        assert table.adopt(ours.detach(), 0, HEAD) == 0
        stand.until(lambda: viewer.take() == expected and viewer.ended)
        table.unlisten(listener.fileno())


def test_head_byte_by_byte(stand: Stand) -> None:
    viewer, conn = stand.viewer()
    for i in range(len(HEAD)):
        assert stand.of("head") == []
        viewer.send(HEAD[i : i + 1])
        stand.poll()
    assert stand.event("head") == ("head", conn, 0, HEAD)


def test_head_with_surplus_is_parsed_as_frames_after_upgrade(stand: Stand) -> None:
    viewer, conn = stand.viewer()
    viewer.send(HEAD + masked(1, b"early") + masked(2, b"cut")[:5])
    assert stand.event("head")[3].startswith(HEAD)
    assert stand.table.upgrade(conn, WS, SWITCH, 5, 6)
    assert (stand.table.grant(conn), stand.table.user(conn), stand.table.kind(conn)) == (5, 6, WS)
    assert stand.event("message") == ("message", conn, 1, b"early")
    viewer.send(masked(2, b"cut")[5:])
    assert stand.event("message") == ("message", conn, 2, b"cut")
    assert viewer.take() == SWITCH


def test_too_long_a_head_is_answered_431(stand: Stand) -> None:
    stand.again(max_head_bytes=100)
    viewer, conn = stand.viewer()
    viewer.send(b"GET / HTTP/1.1\r\n" + b"x" * 200)
    stand.until(lambda: viewer.take() and viewer.ended)
    assert viewer.take() == response(HeadTooLarge("the request head is too long"))
    viewer.sock.close()
    assert reason(stand, conn) == "head_too_big"


def test_release_gives_descriptor_and_bytes_back(stand: Stand) -> None:
    viewer, conn = stand.viewer()
    viewer.send(HEAD + b"body")
    stand.event("head")
    released = stand.table.release(conn)
    assert released is not None
    fd, data = released
    assert data == HEAD + b"body"
    with socket.socket(fileno=fd) as back:
        back.sendall(b"mine")
        assert viewer.take() == b"mine"
        viewer.send(b"more")
        stand.poll()
        assert back.recv(10) == b"more"
    assert stand.table.release(conn) is None
    assert stand.events == []


def test_adopt_with_prefix(stand: Stand) -> None:
    ours, theirs = socket.socketpair()
    stand.viewers.append(Viewer(theirs))
    conn = stand.table.adopt(ours.detach(), 3, HEAD)
    assert stand.event("head") == ("head", conn, 3, HEAD)


def test_refuse_answers_and_ends_in_order(stand: Stand) -> None:
    viewer, conn = stand.viewer()
    viewer.send(HEAD)
    stand.event("head")
    assert stand.table.refuse(conn, b"HTTP/1.1 403 Forbidden\r\n\r\n")
    assert not stand.table.refuse(conn, b"again")
    viewer.send(b"still talking")
    stand.poll()
    stand.until(lambda: viewer.take() and viewer.ended)
    assert viewer.take() == b"HTTP/1.1 403 Forbidden\r\n\r\n"
    viewer.sock.close()
    assert reason(stand, conn) == "refused"


def test_a_held_connection_whose_peer_resets_is_closed(stand: Stand) -> None:
    viewer, conn = stand.viewer()
    viewer.send(HEAD)
    stand.event("head")
    viewer.sock.close()
    assert reason(stand, conn) == "eof"
    assert not stand.table.upgrade(conn, WS, SWITCH)


def test_grant_can_be_read_until_the_end_was_told(stand: Stand) -> None:
    viewer, conn = stand.parked(grant=9)
    viewer.send(masked(1, b"last words"))
    viewer.sock.close()
    stand.closed(conn)
    assert stand.event("message")[3] == b"last words"
    assert stand.table.grant(conn) == 9
    assert stand.table.tag(conn) == 0
    stand.poll()
    assert stand.table.grant(conn) == 0
    assert stand.table.tag(conn) == -1


def test_stale_ids_do_nothing(stand: Stand) -> None:
    viewer, conn = stand.parked()
    group = stand.group()
    viewer.sock.close()
    stand.closed(conn)
    stand.poll()
    again, reused = stand.viewer()
    assert reused != conn
    assert reused & 0xFFFFFFFF == conn & 0xFFFFFFFF
    table = stand.table
    frame = raw_frame(b"x")
    assert table.subscribe(conn, group, 1, frame) == 0
    assert not table.unsubscribe(conn, group)
    assert table.subscriptions(conn) == []
    assert not table.send(conn, frame)
    assert not table.close(conn, 1000, b"")
    assert not table.abort(conn)
    assert not table.set_expiry(conn, 5)
    assert table.release(conn) is None
    assert not table.refuse(conn, b"x")
    assert table.peer(conn) == ""
    assert table.kind(conn) == 0
    assert table.peer(reused) == "unix"
    assert again.take() == b""


def test_ping_is_answered_in_the_middle_of_a_fragmented_message(stand: Stand) -> None:
    viewer, conn = stand.parked()
    viewer.send(masked(1, b"one ", final=False) + masked(9, b"here?") + masked(0, b"two"))
    assert stand.event("message") == ("message", conn, 1, b"one two")
    assert viewer.frames() == [(10, b"here?")]


def test_close_is_echoed_and_the_server_closes_first(stand: Stand) -> None:
    viewer, conn = stand.parked()
    viewer.send(masked(8, b"\x03\xe8bye"))
    assert reason(stand, conn) == "peer"
    assert viewer.frames() == [(8, b"\x03\xe8")]
    assert viewer.ended


def test_close_without_a_code(stand: Stand) -> None:
    viewer, conn = stand.parked()
    viewer.send(masked(8))
    assert reason(stand, conn) == "peer"
    assert viewer.frames() == [(8, b"")]


def test_close_with_bytes_behind_it(stand: Stand) -> None:
    viewer, conn = stand.parked()
    viewer.send(masked(8) + masked(1, b"too late") * 100)
    stand.until(lambda: (viewer.take(), viewer.ended)[1])
    assert viewer.frames() == [(8, b"")]
    viewer.sock.close()
    assert reason(stand, conn) == "peer"
    assert stand.of("message") == []


def test_close_by_the_server_waits_for_the_answer(stand: Stand) -> None:
    viewer, conn = stand.parked()
    group = stand.group()
    stand.table.subscribe(conn, group, 1)
    assert stand.table.close(conn, 1012, b"drain")
    assert stand.table.group_size(group) == 0
    assert not stand.table.close(conn, 1012, b"drain")
    assert viewer.frames() == [(8, b"\x03\xf4drain")]
    viewer.send(masked(1, b"unheard") + masked(9, b"x"))
    stand.poll()
    assert stand.table.connected == 1
    viewer.send(masked(8, b"\x03\xf4"))
    assert reason(stand, conn) == "server"
    assert stand.of("message") == []
    assert viewer.frames() == []


def test_close_by_the_server_times_out(stand: Stand) -> None:
    stand.again(close_timeout_ms=20_000)
    _, conn = stand.parked()
    stand.table.close(conn, 1000, b"")
    stand.events += stand.table.sweep(soon(0))
    assert stand.of("closed") == []
    stand.events += stand.table.sweep(soon(25_000))
    assert reason(stand, conn) == "close_timeout"


def test_close_checks_its_arguments(stand: Stand) -> None:
    _, conn = stand.parked()
    for code in (0, 999, 1005, 1006, 1015, 5000):
        with pytest.raises(ValueError, match="cannot be sent"):
            stand.table.close(conn, code, b"")
    for text in (b"x" * 124, b"\xff"):
        with pytest.raises(ValueError, match="reason"):
            stand.table.close(conn, 1000, text)


@pytest.mark.parametrize(
    ("sent", "code", "why"),
    [
        (b"\x81\x02hi", 1002, "protocol"),
        (masked(1, b"\xff"), 1007, "payload"),
        (masked(2, b"x" * 101), 1009, "too_big"),
        (b"".join([masked(1, b"", final=False), *[masked(0, b"", final=False)] * 4]), 1008, "policy"),
    ],
)
def test_what_is_wrong_is_told_with_its_code(stand: Stand, sent: bytes, code: int, why: str) -> None:
    stand.again(max_message_bytes=100, max_fragments=4)
    viewer, conn = stand.parked()
    viewer.send(sent)
    stand.until(lambda: (viewer.take(), viewer.ended)[1])
    assert viewer.frames() == [(8, code.to_bytes(2, "big"))]
    viewer.sock.close()
    assert reason(stand, conn) == why


def test_a_message_before_a_violation_is_delivered(stand: Stand) -> None:
    viewer, conn = stand.parked()
    viewer.send(masked(1, b"fine") + b"\xff\xff")
    assert stand.event("message")[3] == b"fine"
    viewer.sock.close()
    assert reason(stand, conn) == "protocol"


def test_a_large_message_in_pieces(stand: Stand) -> None:
    viewer, conn = stand.parked()
    payload = os.urandom(65536)
    frame = masked(2, payload)
    for start in range(0, len(frame), 997):
        viewer.send(frame[start : start + 997])
        stand.poll()
    assert stand.event("message") == ("message", conn, 2, payload)


def test_many_messages_in_one_read(stand: Stand) -> None:
    viewer, _ = stand.parked()
    viewer.send(b"".join(masked(1, str(i).encode()) for i in range(2000)))
    stand.until(lambda: len(stand.of("message")) == 2000)
    assert [int(e[3]) for e in stand.of("message")] == list(range(2000))


def test_head_time_out(stand: Stand) -> None:
    stand.again(head_timeout_ms=20_000)
    viewer, conn = stand.viewer()
    viewer.send(HEAD[:10])
    stand.poll()
    assert stand.table.sweep(soon(5_000)) == []
    stand.events += stand.table.sweep(soon(25_000))
    assert reason(stand, conn) == "head_timeout"
    stand.until(lambda: (viewer.take(), viewer.ended)[1])


def test_a_silent_viewer_is_pinged_then_closed(stand: Stand) -> None:
    stand.again(idle_timeout_ms=20_000)
    viewer, conn = stand.parked()
    assert stand.table.sweep(soon(14_000)) == []
    assert stand.table.sweep(soon(15_000)) == []
    assert viewer.frames() == [(9, b"")]
    stand.events += stand.table.sweep(soon(26_000))
    assert viewer.frames() == [(8, b"\x03\xe9idle")]
    viewer.sock.close()
    assert reason(stand, conn) == "idle"


def test_a_token_that_ends_ends_the_connection(stand: Stand) -> None:
    viewer, conn = stand.parked()
    stream, stream_conn = stand.parked(SSE)
    assert stand.table.set_expiry(conn, int(time.time()) + 1000)
    assert stand.table.sweep(soon(0)) == []
    for number in (conn, stream_conn):
        assert stand.table.set_expiry(number, int(time.time()) - 1)
    stand.events += stand.table.sweep(soon(0))
    assert viewer.frames() == [(8, b"\x03\xf0token expired")]
    assert stream.take() == b"0\r\n\r\n"
    viewer.send(masked(8, b"\x03\xf0"))
    stream.sock.close()
    assert reason(stand, conn) == "expired"
    assert reason(stand, stream_conn) == "expired"


def test_a_sweep_in_parts_comes_round(stand: Stand) -> None:
    stand.again(head_timeout_ms=100)
    conns = {stand.viewer()[1] for _ in range(20)}
    found: set[int] = set()
    for _ in range(7):
        found |= {event[1] for event in stand.table.sweep(soon(1000), 3)}
    assert found == conns


def test_stream_discards_what_comes_and_ends_with_its_last_chunk(stand: Stand) -> None:
    viewer, conn = stand.parked(SSE)
    viewer.send(b"noise" * 100)
    stand.poll()
    assert stand.table.send(conn, raw_frame(b"3\r\nabc\r\n"))
    assert stand.table.close(conn, 1000, b"")
    stand.until(lambda: (viewer.take(), viewer.ended)[1])
    assert viewer.take() == b"3\r\nabc\r\n0\r\n\r\n"
    viewer.sock.close()
    assert reason(stand, conn) == "server"
    assert stand.of("message") == []


def test_stream_ends_when_its_viewer_goes(stand: Stand) -> None:
    viewer, conn = stand.parked(SSE)
    viewer.sock.shutdown(socket.SHUT_WR)
    assert reason(stand, conn) == "eof"


def test_control_slot_holds_one_message_while_in_the_middle_of_a_frame(stand: Stand) -> None:
    viewer, conn = stand.parked(small=True)
    big = ws_frame(os.urandom(500_000), True)
    assert stand.table.send(conn, big)
    assert stand.table.stats()["partial_sends"] == 1
    assert stand.table.send(conn, ws_frame(b"next", False))
    assert not stand.table.send(conn, ws_frame(b"dropped", False))
    assert stand.table.stats()["dropped_controls"] == 1
    frames: list[tuple[int, bytes]] = []
    stand.until(lambda: (frames.extend(viewer.frames()), len(frames) == 2)[1])
    assert bytes(big).endswith(frames[0][1])
    assert frames[1] == (1, b"next")


def test_close_in_the_middle_of_a_frame_comes_after_it(stand: Stand) -> None:
    viewer, conn = stand.parked(small=True)
    assert stand.table.send(conn, ws_frame(b"x" * 500_000, False))
    assert stand.table.send(conn, ws_frame(b"gives way", False))
    assert stand.table.close(conn, 1001, b"")
    frames: list[tuple[int, bytes]] = []
    stand.until(lambda: (frames.extend(viewer.frames()), len(frames) == 2)[1])
    assert frames[1] == (8, b"\x03\xe9")
    viewer.send(masked(8, b"\x03\xe9"))
    assert reason(stand, conn) == "server"


def test_pongs_of_a_flood_take_one_place(stand: Stand) -> None:
    viewer, conn = stand.parked(small=True)
    stand.table.send(conn, ws_frame(b"x" * 500_000, False))
    viewer.send(b"".join(masked(9, str(i).encode()) for i in range(50)))
    stand.until(lambda: stand.table.stats()["pings_in"] == 50)
    frames: list[tuple[int, bytes]] = []
    stand.until(lambda: (frames.extend(viewer.frames()), len(frames) == 2)[1])
    assert frames[1] == (10, b"49")


def test_abort_and_reset_are_told(stand: Stand) -> None:
    viewer, conn = stand.parked()
    assert stand.table.abort(conn)
    assert reason(stand, conn) == "aborted"
    assert viewer.take() == b""
    assert viewer.ended


def test_connections_lists_the_parked(stand: Stand) -> None:
    stand.viewer()
    parked = {stand.parked()[1], stand.parked(SSE)[1]}
    assert set(stand.table.connections()) == parked
    assert stand.table.connected == 3
    stats = stand.table.stats()
    assert (stats["head"], stats["ws"], stats["sse"]) == (1, 1, 1)


def test_limits_out_of_range_are_refused() -> None:
    for limits in (
        {"max_connections": 0},
        {"max_connections": 1, "max_message_bytes": 0},
        {"max_connections": 1, "head_timeout_ms": -1},
        {"max_connections": 1, "max_fragments": 0},
        {"max_connections": 1, "send_buffer_bytes": -1},
    ):
        with pytest.raises((ValueError, OverflowError)):
            Table(**limits)


def test_no_descriptor_stays_behind(stand: Stand) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        inner = Stand()
        inner.parked()
        viewer, conn = inner.viewer()
        viewer.send(HEAD)
        inner.event("head")
        inner.table.refuse(conn, b"no")
        inner.end()
        del inner, viewer
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_descriptors_the_listener_pauses_until_the_next_sweep(stand: Stand) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    stand.table.listen(listener.fileno(), 0)
    client = socket.create_connection(listener.getsockname())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
    hoarded = []
    try:
        with contextlib.suppress(OSError):
            while True:
                hoarded.append(os.dup(client.fileno()))
        stand.poll()
        stand.poll()
        assert stand.table.stats()["accept_failures"] == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in hoarded:
            os.close(fd)
    stand.poll()
    assert stand.table.connected == 0
    stand.table.sweep(soon(0))
    stand.until(lambda: stand.table.connected == 1)
    stand.table.unlisten(listener.fileno())
    client.close()
    listener.close()


def test_a_storm_of_arrivals_is_told_of_in_portions(stand: Stand) -> None:
    viewers = [stand.viewer()[0] for _ in range(60)]
    for viewer in viewers:
        viewer.send(HEAD)
    portions = []
    while sum(portions) < 60:
        portions.append(len(stand.poll()))
    assert max(portions) <= 16


def test_groups_whose_members_come_or_go_are_told_of_once(stand: Stand) -> None:
    table = stand.again(max_subscriptions=400)
    groups = [stand.group() for _ in range(300)]
    (_, first), (_, second) = stand.parked(), stand.parked()
    assert table.touched() == []
    table.subscribe(first, groups[0], 1)
    table.subscribe(second, groups[0], 1)
    table.subscribe(first, groups[1], 1)
    assert sorted(table.touched()) == groups[:2]
    assert table.touched() == []
    # A frame is no coming or going, and neither is a second asking.
    stand.fanout.start(groups[0], ws_frame(b"x", False), 1, 2)
    stand.run()
    table.subscribe(first, groups[0], 2)
    assert table.touched() == []
    table.unsubscribe(first, groups[1])
    table.abort(second)
    assert sorted(table.touched()) == groups[:2]
    # Freed, a group is not told of; its number, used again, is as good as new.
    table.subscribe(first, groups[1], 1)
    table.unsubscribe(first, groups[1])
    table.group_free(groups[1])
    stand.groups.remove(groups[1])
    assert table.touched() == []
    again = stand.group()
    assert again == groups[1]
    table.subscribe(first, again, 1)
    assert table.touched() == [again]
    # Many are told of in parts.
    for group in groups[2:]:
        table.subscribe(first, group, 1)
    told: list[int] = []
    while some := table.touched():
        told += some
    assert sorted(told) == groups[2:]

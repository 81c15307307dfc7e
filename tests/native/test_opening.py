"""Plain openings: what is taken natively, held against a twin and against the parser of all of HTTP."""

from __future__ import annotations

import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.edge.failures import Failure
from gateway.edge.request import accept_upgrade, parse_head
from native.accept import accept_of
from native.frames import raw_frame, ws_frame
from native.opening import opening_of
from tests.native import opening_twin
from tests.native.stand import SSE, WS, Stand, Viewer, masked

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = (
    b"Host: a:1\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: %b\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
) % KEY
LIVE = b"GET /v1/live?channel=match:1&since=7-42.9f3ac07e HTTP/1.1\r\n" + UPGRADE
STREAM = b"GET /v1/channels/match:1/stream?since=1 HTTP/1.1\r\nHost: a\r\n"
BROWSER = (
    b"GET /v1/live?channel=match%%3A1 HTTP/1.1\r\nHost: localhost:8080\r\nConnection: Upgrade\r\nPragma: no-cache\r\n"
    b"Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nUpgrade: websocket\r\n"
    b"Origin: http://localhost:8080\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b'Accept-Language: en-US,en;q=0.9\r\nCookie: a=b; c="d"\r\nSec-WebSocket-Key: %b\r\n'
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    b"Sec-WebSocket-Protocol: grandstand.v1.json, bearer, abc.def\r\n\r\n"
) % KEY
RIGHT = [
    LIVE + b"\r\n",
    LIVE.replace(b"Upgrade: websocket", b"upgrade:\tWebSocket ") + b"x: \r\n\r\n",
    LIVE.replace(b"keep-alive, Upgrade", b"UPGRADE") + b"Authorization: Bearer t\r\nOrigin: http://a:1\r\n\r\n",
    BROWSER,
    STREAM + b"\r\n",
    STREAM + b"Accept: text/event-stream\r\nLast-Event-ID: 7-42.9f3ac07e\r\nConnection: close\r\n\r\n",
]
LEFT_TO_OTHERS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/channels/match:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/channels/stream HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST" + LIVE[3:] + b"\r\n",
    LIVE.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
    LIVE.replace(b"/v1/live", b"/v1/l%69ve") + b"\r\n",
    LIVE.replace(b"since", b"#since") + b"\r\n",
    LIVE.replace(b"since", b"s\xc3\xa9ance") + b"\r\n",
    LIVE.replace(b"/v1/live", b"http://a/v1/live") + b"\r\n",
    LIVE.replace(b"websocket", b"h2c") + b"\r\n",
    LIVE.replace(b"keep-alive, Upgrade", b"keep-alive") + b"\r\n",
    LIVE.replace(b": 13", b": 8") + b"\r\n",
    LIVE.replace(b"Host: a:1", b"Host:") + b"\r\n",
    LIVE.replace(KEY, KEY[:-1]) + b"\r\n",
    LIVE.replace(KEY, b"dGhlIHNhbXBsZSBub25jZR==") + b"\r\n",
    LIVE.replace(KEY, b"dGhlIHNhbXBsZSBub25jZ===") + b"\r\n",
    LIVE + b"Host: b\r\n\r\n",
    LIVE + b"Origin: b\r\nOrigin: c\r\n\r\n",
    LIVE + b"Content-Length: 0\r\n\r\n",
    LIVE + b"Transfer-Encoding: chunked\r\n\r\n",
    LIVE + b"X: a\r\n b\r\n\r\n",
    LIVE + b"X : a\r\n\r\n",
    LIVE + b": a\r\n\r\n",
    LIVE + b"X: \xe9\r\n\r\n",
    LIVE + b"X: a\nY: b\r\n\r\n",
    LIVE + b"X: a\x00\r\n\r\n",
    LIVE + b"".join(b"X%d: a\r\n" % n for n in range(60)) + b"\r\n",
    STREAM + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    STREAM,
    LIVE,
]


def same_for_all(head: bytes) -> None:
    """What is taken is what the twin takes, and what the parser of all of HTTP finds right, with the same fields."""
    found = opening_of(head)
    assert found == opening_twin.opening_of(head), head
    if found is None:
        return
    kind, _, key, host, origin, protocols, extensions, authorization, last_event_id = found
    request = parse_head(head)
    if kind == WS:
        assert key is not None
        assert request.path == "/v1/live"
        assert accept_upgrade(request).encode() == accept_of(key)
    else:
        assert request.streamed_channel is not None
    for name, value in {
        "host": host,
        "origin": origin,
        "sec-websocket-protocol": protocols,
        "sec-websocket-extensions": extensions,
        "authorization": authorization,
        "last-event-id": last_event_id,
    }.items():
        assert request.headers.get(name) == (value.decode() if value is not None else None)


@pytest.mark.parametrize("head", RIGHT)
def test_what_viewers_send_is_taken(head: bytes) -> None:
    assert opening_of(head) is not None
    same_for_all(head)


@pytest.mark.parametrize("head", LEFT_TO_OTHERS)
def test_all_else_is_left_to_others(head: bytes) -> None:
    assert opening_of(head) is None
    same_for_all(head)


@pytest.mark.parametrize("head", RIGHT)
def test_any_byte_changed_and_any_cut(head: bytes) -> None:
    for at in range(len(head)):
        for byte in (0, 9, 10, 13, 32, 35, 44, 58, 61, 65, 127, 200, head[at] ^ 32):
            mutated(head[:at] + bytes([byte]) + head[at + 1 :])
        mutated(head[:at] + head[at + 1 :])
        mutated(head[:at])


def mutated(head: bytes) -> None:
    """As `same_for_all`, for bytes of which nobody says that they end in one empty line only."""
    if head.find(b"\r\n\r\n") == len(head) - 4:
        same_for_all(head)


PIECES = st.sampled_from(
    [
        *(line + b"\r\n" for head in RIGHT for line in head.split(b"\r\n") if line),
        b"X: y\r\n",
        b"\r\n",
        b"Connection: Upgrade\r\n",
    ]
)


@settings(max_examples=300)
@given(st.lists(PIECES | st.binary(max_size=12), max_size=12))
def test_any_pieces_in_any_order(pieces: list[bytes]) -> None:
    mutated(b"".join(pieces) + b"\r\n")


# -- in the table ------------------------------------------------------------------------------------------------------


def arrive(stand: Stand, head: bytes) -> tuple[Viewer, int]:
    viewer, _ = stand.viewer()
    viewer.send(head)
    return viewer, int(stand.event("open")[1])


def test_an_opening_comes_with_its_fields_and_its_answer_has_the_key(stand: Stand) -> None:
    stand.again(openings=True)
    viewer, _ = stand.viewer()
    viewer.send(BROWSER)
    _, conn, tag, kind, target, host, origin, protocols, extensions, authorization, last = stand.event("open")
    assert (tag, kind, target, host, origin) == (
        0,
        WS,
        b"/v1/live?channel=match%3A1",
        b"localhost:8080",
        b"http://localhost:8080",
    )
    assert protocols == b"grandstand.v1.json, bearer, abc.def"
    assert extensions == b"permessage-deflate; client_max_window_bits"
    assert (authorization, last) == (None, None)
    group = stand.group()
    first = ws_frame(b"hello", False)
    assert stand.table.upgrade(
        conn, WS, b"HTTP/1.1 101 x\r\na: b\r\n\r\n", 7, group=group, held=3, first=first, expires_s=0
    )
    assert (
        viewer.take()
        == b"HTTP/1.1 101 x\r\na: b\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" + bytes(first)
    )
    assert stand.table.grant(conn) == 7
    stand.fanout.start(group, ws_frame(b"delta", False), 3, 4)
    stand.run()
    viewer.got.clear()
    assert viewer.frames() == [(1, b"delta")]


def test_a_stream_and_what_is_no_opening(stand: Stand) -> None:
    stand.again(openings=True)
    viewer, conn = arrive(stand, STREAM + b"\r\n")
    assert stand.table.upgrade(conn, SSE, b"HTTP/1.1 200 OK\r\n\r\n", first=raw_frame(b"data"))
    assert viewer.take() == b"HTTP/1.1 200 OK\r\n\r\ndata"
    other, _ = stand.viewer()
    other.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert stand.event("head")[3] == b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def test_an_answer_that_does_not_fit_goes_out_as_the_socket_takes_it(stand: Stand) -> None:
    stand.again(openings=True)
    viewer, _ = stand.viewer(small=True)
    viewer.send(LIVE + b"\r\n")
    conn = int(stand.event("open")[1])
    group = stand.group()
    large = ws_frame(b"x" * 500_000, False)
    assert stand.table.upgrade(conn, WS, b"HTTP/1.1 101 x\r\n\r\n", group=group, held=1, first=large)
    assert stand.table.stats()["partial_sends"] == 1
    stand.until(lambda: len(viewer.take()) > 500_000)
    assert viewer.got.endswith(bytes(large))
    assert stand.table.group_behind(group) == 0


def test_frames_behind_an_opening_are_taken(stand: Stand) -> None:
    stand.again(openings=True)
    _, conn = arrive(stand, LIVE + b"\r\n" + masked(1, b"early"))
    assert stand.table.upgrade(conn, WS, b"HTTP/1.1 101 x\r\n\r\n")
    assert stand.event("message")[3] == b"early"


def test_a_held_opening_that_ends_is_heard_of(stand: Stand) -> None:
    stand.again(openings=True)
    viewer, conn = arrive(stand, LIVE + b"\r\n")
    assert stand.table.hold(conn)
    viewer.send(masked(1, b"more than may be read now"))
    stand.poll()
    viewer.sock.close()
    assert stand.closed(conn)
    assert not stand.table.hold(conn)


def test_accepted_sockets_take_options_from_their_listener(stand: Stand) -> None:
    stand.again(send_buffer_bytes=30_000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stand.table.listen(listener.fileno(), 0)
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            released = stand.table.release(stand.event("head")[1])
            assert released is not None
            with socket.socket(fileno=released[0]) as taken:
                assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert taken.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 60_000
        stand.table.unlisten(listener.fileno())


def test_what_waited_too_long_is_refused_at_once_and_may_come_again(stand: Stand) -> None:
    stand.again(openings=True, opening_wait_ms=300)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        clients = [socket.create_connection(listener.getsockname()) for _ in range(20)]
        for client in clients:
            client.sendall(LIVE + b"\r\n")
        waiting_since = time.monotonic()
        while time.monotonic() - waiting_since < 0.4:
            time.sleep(0.05)
        stand.table.listen(listener.fileno(), 0)
        stand.until(lambda: stand.table.stats()["refused_late"] == 20)
        for client in clients:
            answer = client.recv(4096)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 2" in head
            assert f"content-length: {len(body)}".encode() in head
            client.close()
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(LIVE + b"\r\n")
            assert stand.event("open")[3] == WS
        stand.table.unlisten(listener.fileno())


def test_the_refusal_is_in_the_form_of_all(stand: Stand) -> None:
    """What the table says by itself is what the edge says of the same failure."""
    from gateway.edge.failures import Unavailable, response

    assert issubclass(Unavailable, Failure)
    expected = response(Unavailable("too many viewers arrive at once"))
    stand.again(openings=True, opening_wait_ms=1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(LIVE + b"\r\n")
            begun = time.monotonic()
            while time.monotonic() - begun < 0.05:
                time.sleep(0.01)
            stand.table.listen(listener.fileno(), 0)
            stand.until(lambda: stand.table.stats()["refused_late"] == 1)
            assert client.recv(4096) == expected
        stand.table.unlisten(listener.fileno())

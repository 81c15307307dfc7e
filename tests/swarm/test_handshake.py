"""The load client's opening handshake: strict about the answer, fresh and masked on its own side."""

from __future__ import annotations

import base64
import time

import pytest

from native.accept import accept_of
from native.swarm import Swarm
from tests.swarm.server import Listener, total, until


def test_accept_of_the_example_in_rfc_6455() -> None:
    assert accept_of(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_request_has_what_the_rfc_asks_for(server: Listener) -> None:
    swarm = Swarm(4)
    swarm.connect("127.0.0.1", server.port, "/v1/live?channel=match:1", headers={"X-Team": "red"}, count=2)
    keys = set()
    for opened in (1, 2):
        connection = server.open(swarm, opened)
        assert connection.request == "GET /v1/live?channel=match:1 HTTP/1.1"
        assert connection.headers["host"] == f"127.0.0.1:{server.port}"
        assert connection.headers["upgrade"] == "websocket"
        assert connection.headers["connection"] == "Upgrade"
        assert connection.headers["sec-websocket-version"] == "13"
        assert connection.headers["x-team"] == "red"
        key = connection.headers["sec-websocket-key"]
        assert len(base64.b64decode(key, validate=True)) == 16
        keys.add(key)
    assert len(keys) == 2
    swarm.close_all(hard=True)


def test_number_stands_in_path_and_wraps(server: Listener) -> None:
    swarm = Swarm(3)
    swarm.connect("127.0.0.1", server.port, "/v1/live?channel=match:{n}", count=3, numbers=(5, 2))
    asked = {server.open(swarm, opened).request.split()[1] for opened in (1, 2, 3)}
    assert asked == {"/v1/live?channel=match:5", "/v1/live?channel=match:6"}
    swarm.close_all(hard=True)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, "bad_accept"),
        ({"accept": None}, "bad_accept"),
        ({"upgrade": "h2c"}, "bad_upgrade"),
        ({"upgrade": None}, "bad_upgrade"),
        ({"connection": "close"}, "bad_connection"),
        ({"Sec_WebSocket_Extensions": "permessage-deflate"}, "bad_extension"),
        ({"Sec_WebSocket_Protocol": "chat"}, "bad_protocol"),
        ({"Bad Name": "x"}, "bad_head"),
    ],
)
def test_wrong_answer_is_refused(server: Listener, fields: dict[str, str | None], reason: str) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/")
    connection = server.accept(swarm)
    connection.send(connection.answer(**fields))
    connection.wait_end()
    summary = swarm.summary()
    assert summary["answers"] == {reason: 1}
    assert (summary["violations"], summary["connects"], summary["connect_failures"]) == (1, 0, 1)


def test_connection_field_is_a_list(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/")
    server.open(swarm, connection="keep-alive, uPGRADE", upgrade="WebSocket")
    swarm.close_all(hard=True)


def test_subprotocol_must_be_confirmed(server: Listener) -> None:
    swarm = Swarm(2)
    swarm.connect("127.0.0.1", server.port, "/", headers={"Sec-WebSocket-Protocol": "grandstand.v1.json"}, count=2)
    connection = server.open(swarm, Sec_WebSocket_Protocol="grandstand.v1.json")
    assert connection.headers["sec-websocket-protocol"] == "grandstand.v1.json"
    other = server.accept(swarm)
    other.send(other.answer())
    other.wait_end()
    assert swarm.summary()["answers"] == {"accepted": 1, "bad_protocol": 1}
    swarm.close_all(hard=True)


def test_refusal_is_counted_by_its_status_and_no_violation(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/")
    connection = server.accept(swarm)
    connection.send(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n")
    connection.wait_end()
    summary = swarm.summary()
    assert summary["statuses_http"] == {503: 1}
    assert summary["violations"] == 0


def test_answer_byte_by_byte(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/")
    connection = server.accept(swarm)
    for byte in connection.answer():
        connection.send(bytes([byte]))
        swarm.poll(0)
    until(swarm, lambda: swarm.opened == 1, "the member to be open")
    swarm.close_all(hard=True)


def test_endless_head_is_cut(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/")
    connection = server.accept(swarm)
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nX-Long: " + b"x" * 20_000)
    until(swarm, lambda: total(swarm, "violations") == 1, "the violation")


def test_nobody_listens() -> None:
    unused = Listener()
    unused.close()
    swarm = Swarm(3)
    swarm.connect("127.0.0.1", unused.port, "/", count=3)
    until(swarm, lambda: total(swarm, "connect_failures") == 3, "all to fail")
    assert swarm.summary()["members"]["gone"] == 3  # type: ignore[index]


def test_silent_server_is_given_up(server: Listener) -> None:
    swarm = Swarm(1, open_timeout_ms=50)
    swarm.connect("127.0.0.1", server.port, "/")
    server.accept(swarm)
    until(swarm, lambda: total(swarm, "connect_failures") == 1, "the time-out")


def test_rate_limits_how_fast_members_connect(server: Listener) -> None:
    swarm = Swarm(1000)
    began_s = time.monotonic()
    swarm.connect("127.0.0.1", server.port, "/", count=1000, rate_per_s=100)
    swarm.poll(100)
    took_s = time.monotonic() - began_s
    members = swarm.summary()["members"]
    assert isinstance(members, dict)
    assert 1 <= members["opening"] + members["connecting"] <= 100 * took_s + 1
    swarm.close_all(hard=True)


def test_source_address_is_used(server: Listener) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/", source="127.0.0.77")
    connection = server.open(swarm)
    assert connection.sock.getpeername()[0] == "127.0.0.77"
    swarm.close_all(hard=True)


def test_no_more_members_than_there_is_room_for(server: Listener) -> None:
    swarm = Swarm(2)
    swarm.connect("127.0.0.1", server.port, "/", count=1)
    with pytest.raises(ValueError, match="room"):
        swarm.connect("127.0.0.1", server.port, "/", count=2)

"""The load client under permessage-deflate: what it agrees to, what it inflates, what is a violation."""

from __future__ import annotations

import zlib

import pytest

from native.swarm import Swarm
from tests.swarm.server import Connection, Listener, delta, frame, snapshot, total, until

ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def squeezed(payload: bytes) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def opened(server: Listener, answer: str | None = ANSWER) -> tuple[Swarm, Connection]:
    swarm = Swarm(1)
    headers = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    swarm.connect("127.0.0.1", server.port, "/", channel="match:1", headers=headers)
    connection = server.open(swarm, **({"Sec_WebSocket_Extensions": answer} if answer is not None else {}))
    assert connection.headers["sec-websocket-extensions"] == "permessage-deflate"
    return swarm, connection


def test_compressed_messages_are_followed(server: Listener) -> None:
    swarm, connection = opened(server)
    second = squeezed(delta(2, a=1))
    stream = b"".join(
        [
            frame(squeezed(snapshot(1, title="x" * 3000)), first=0xC1),
            frame(second[:9], first=0x41),
            frame(b"ping", 9),
            frame(second[9:], 0),
            frame(delta(3)),
        ]
    )
    for place in range(len(stream)):
        connection.send(stream[place : place + 1])
        swarm.poll(0)
    until(swarm, lambda: total(swarm, "messages") == 3, "all messages")
    assert total(swarm, "compressed") == 2
    assert total(swarm, "snapshots") == 1
    assert total(swarm, "deltas") == 2
    assert total(swarm, "gaps") + total(swarm, "malformed") + total(swarm, "violations") == 0
    assert total(swarm, "inflated_out") > 3000 > total(swarm, "inflated_in")
    swarm.close_all(hard=True)


def test_the_server_may_decline(server: Listener) -> None:
    swarm, connection = opened(server, None)
    connection.send(frame(squeezed(snapshot(1)), first=0xC1))
    connection.wait_end()
    assert total(swarm, "violations") == 1


@pytest.mark.parametrize(
    "answer",
    [
        "permessage-deflate",
        "permessage-deflate; client_no_context_takeover",
        "x-deflate; server_no_context_takeover",
        "server_no_context_takeover",
    ],
)
def test_other_agreements_are_refused(server: Listener, answer: str) -> None:
    swarm = Swarm(1)
    swarm.connect("127.0.0.1", server.port, "/", headers={"Sec-WebSocket-Extensions": "permessage-deflate"})
    connection = server.accept(swarm)
    connection.send(connection.answer(Sec_WebSocket_Extensions=answer))
    connection.wait_end()
    assert swarm.summary()["answers"] == {"bad_extension": 1}


@pytest.mark.parametrize(
    "data",
    [
        frame(b"\xff\xff\xff\xff", first=0xC1),
        frame(squeezed(snapshot(1))[:-2], first=0xC1),
        frame(b"", first=0xC9),
        frame(b"a", first=0x01) + frame(b"b", first=0xC0),
        frame(b"a", first=0xA1),
        frame(squeezed(bytes(17 << 20)), first=0xC2),
    ],
    ids=["noise", "cut off", "ping", "continuation", "rsv2", "bomb"],
)
def test_violations(server: Listener, data: bytes) -> None:
    swarm, connection = opened(server)
    connection.send(data)
    connection.wait_end()
    assert total(swarm, "violations") == 1
    assert total(swarm, "messages") == 0

"""RFC 6455 and RFC 7692 on the wire, against the echoing endpoint: plain and through the in-process TLS."""

from __future__ import annotations

import ssl
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from tests.wire.echo import certificate, echo
from tests.wire.peer import Closed, Peer, masked

Connect = Callable[..., Peer]

TIMEOUT_S = 1.0
CONTROLS = 20
EXTENSION = "permessage-deflate"


@pytest.fixture(scope="module", params=["plain", "tls"])
def connect(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    directory = tmp_path_factory.mktemp("echo")
    files = certificate(directory) if request.param == "tls" else None
    context = ssl.create_default_context(cafile=str(files[0])) if files is not None else None
    open_peers: list[Peer] = []
    limits = {"viewers.close_timeout_s": TIMEOUT_S, "viewers.control_frames_per_s": CONTROLS}
    with echo(directory / "run", files, **{key.replace(".", "__"): value for key, value in limits.items()}) as process:

        def make(**headers: str) -> Peer:
            connection = Peer(process.port, tls=context)
            open_peers.append(connection)
            connection.upgrade("/anything", **headers)
            assert connection.status == 101
            return connection

        yield make
        for connection in open_peers:
            connection.close()


def raw(first: int, second: int, rest: bytes = b"") -> bytes:
    return bytes([first, second]) + rest


def closed_with(connection: Peer) -> int | None:
    """The code of the server's Close; the answer is sent, and the end of the connection is awaited."""
    opcode, payload = connection.frame()
    while opcode != 8:
        opcode, payload = connection.frame()
    code = struct.unpack(">H", payload[:2])[0] if payload else None
    connection.send(payload[:2], opcode=8)
    with pytest.raises(Closed):
        connection.frame()
    return code


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 300_000])
@pytest.mark.parametrize("opcode", [1, 2])
def test_every_length(connect: Connect, size: int, opcode: int) -> None:
    connection = connect()
    payload = b"*" * size
    connection.send(payload, opcode=opcode)
    assert connection.frame() == (opcode, payload)


def test_fragments_with_pings_between(connect: Connect) -> None:
    connection = connect()
    connection.send(b"\xce\xba\xe1", fin=False)
    connection.send(b"one", opcode=9)
    assert connection.frame() == (10, b"one")
    connection.send(b"", opcode=0, fin=False)
    connection.send(b"unasked", opcode=10)
    connection.send(b"\xbd\xb9", opcode=0, fin=False)
    connection.send(b"two", opcode=9)
    assert connection.frame() == (10, b"two")
    connection.send(b"\xcf\x83", opcode=0)
    assert connection.frame() == (1, b"\xce\xba\xe1\xbd\xb9\xcf\x83")


def test_byte_by_byte(connect: Connect) -> None:
    connection = connect()
    data = masked("a€".encode(), fin=False) + masked(b"p", opcode=9) + masked("𝄞".encode(), opcode=0)
    for place in range(len(data)):
        connection.sock.sendall(data[place : place + 1])
    assert connection.frame() == (10, b"p")
    assert connection.frame() == (1, "a€𝄞".encode())


def test_wrong_text_fails_before_its_frame_is_whole(connect: Connect) -> None:
    connection = connect()
    connection.sock.sendall(masked(b"good text " * 10 + b"\xed\xa0" + b"x" * 100)[:120])
    assert closed_with(connection) == 1007


def test_wrong_text_fails_before_its_message_is_whole(connect: Connect) -> None:
    connection = connect()
    connection.send("κόσ".encode() + b"\xce", fin=False)
    connection.send(b"\xff", opcode=0, fin=False)
    assert closed_with(connection) == 1007


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(raw(0x81, 1, b"a"), 1002, id="unmasked"),
        pytest.param(raw(0xC1, 0x80, b"mask"), 1002, id="rsv1"),
        pytest.param(raw(0xA1, 0x80, b"mask"), 1002, id="rsv2"),
        pytest.param(raw(0x91, 0x80, b"mask"), 1002, id="rsv3"),
        pytest.param(raw(0x83, 0x80, b"mask"), 1002, id="opcode 3"),
        pytest.param(raw(0x8F, 0x80, b"mask"), 1002, id="opcode 15"),
        pytest.param(raw(0x09, 0x80, b"mask"), 1002, id="a ping in parts"),
        pytest.param(raw(0x89, 0xFE, b"\x00\x7e"), 1002, id="a ping of 126"),
        pytest.param(masked(b"a", opcode=0), 1002, id="a continuation of nothing"),
        pytest.param(masked(b"a", fin=False) + masked(b"b"), 1002, id="a text inside a message"),
        pytest.param(raw(0x82, 0xFE, b"\x00\x7d"), 1002, id="a length in more bytes than it needs"),
        pytest.param(raw(0x82, 0xFF, bytes(6) + b"\xff\xff"), 1002, id="a length in many more bytes"),
        pytest.param(raw(0x82, 0xFF, b"\x80" + bytes(7)), 1002, id="a negative length"),
        pytest.param(raw(0x82, 0xFF, b"\x7f" + bytes(7)), 1009, id="a huge length"),
        pytest.param(masked(b"\x03", opcode=8), 1002, id="a close of one byte"),
        pytest.param(masked(b"\x03\xed", opcode=8), 1002, id="a close with 1005"),
        pytest.param(masked(b"\x03\xe8\xc0\x80", opcode=8), 1007, id="a close with wrong text"),
    ],
)
def test_what_is_forbidden(connect: Connect, data: bytes, code: int) -> None:
    connection = connect()
    connection.sock.sendall(data)
    assert closed_with(connection) == code


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b"", b""),
        (b"\x03\xe8", b"\x03\xe8"),
        (b"\x03\xe8reason", b"\x03\xe8"),
        (b"\x0b\xb8", b"\x0b\xb8"),
        (b"\x13\x87", b"\x13\x87"),
    ],
)
def test_a_close_is_answered_and_the_server_ends_the_connection(
    connect: Connect, payload: bytes, answer: bytes
) -> None:
    connection = connect()
    connection.send(b"first")
    assert connection.frame() == (1, b"first")
    connection.sock.sendall(masked(payload, opcode=8) + masked(b"too late"))
    assert connection.frame() == (8, answer)
    with pytest.raises(Closed):
        connection.frame()


def test_a_close_that_is_not_answered_has_an_end(connect: Connect) -> None:
    """The server has failed the connection, the peer neither answers nor ends: after the time-out the server ends it."""
    connection = connect()
    connection.sock.sendall(raw(0x83, 0x80, b"mask"))
    assert connection.frame()[0] == 8
    began = time.monotonic()
    with pytest.raises((Closed, ConnectionError, ssl.SSLError)):
        while True:
            # Whatever is sent now is not looked at; it fails once the connection is gone.
            connection.send(b"more", opcode=2)
            time.sleep(0.05)
            assert time.monotonic() - began < 10 * TIMEOUT_S


def test_pings_have_a_rate(connect: Connect) -> None:
    connection = connect()
    # Twice as many: were they counted in two spans, one has too many.
    connection.sock.sendall(masked(b"", opcode=9) * (2 * CONTROLS + 1))
    assert closed_with(connection) == 1008


def test_an_extension_that_nobody_offered_is_not_used(connect: Connect) -> None:
    connection = connect()
    assert "sec-websocket-extensions" not in connection.headers
    connection.send(b"a" * 1000)
    assert connection.frame() == (1, b"a" * 1000)
    assert connection.compressed == 0


@pytest.mark.parametrize("offer", [EXTENSION, f"{EXTENSION}; server_max_window_bits=9; client_max_window_bits"])
def test_compressed_messages(connect: Connect, offer: str) -> None:
    connection = connect(Sec_WebSocket_Extensions=offer)
    assert connection.deflate
    for payload in (b"", b"a", "κόσμε".encode() * 1000, b"x" * 300_000):
        connection.send(payload, compressed=True)
        assert connection.frame() == (1, payload)
    connection.send(b"plain")
    assert connection.frame() == (1, b"plain")
    assert connection.compressed == 5


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(raw(0xC2, 0x84, bytes(4) + b"\xff" * 4), 1007, id="noise"),
        pytest.param(raw(0xC2, 0x84, bytes(4) + bytes.fromhex("f248cdc9")), 1007, id="cut off"),
        pytest.param(masked(b"\xff", compressed=True), 1007, id="not text"),
        pytest.param(raw(0xC9, 0x80, bytes(4)), 1002, id="a compressed ping"),
        pytest.param(masked(b"a", fin=False) + raw(0xC0, 0x81, bytes(4) + b"b"), 1002, id="a compressed continuation"),
        pytest.param(raw(0xA1, 0x80, b"mask"), 1002, id="rsv2"),
    ],
)
def test_what_is_forbidden_with_compression(connect: Connect, data: bytes, code: int) -> None:
    connection = connect(Sec_WebSocket_Extensions=EXTENSION)
    connection.sock.sendall(data)
    assert closed_with(connection) == code


def test_extensions_that_are_none_are_refused(connect: Connect) -> None:
    with pytest.raises(AssertionError):
        connect(Sec_WebSocket_Extensions="permessage-deflate; =")

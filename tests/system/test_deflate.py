"""permessage-deflate end to end: compressed viewers see what the others see, from frames that were compressed once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native.swarm import Swarm
from tests.patience import until
from tests.swarm.server import total
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Closed, Document, Peer, masked

OFFER = "permessage-deflate; client_max_window_bits"
SMALL = "permessage-deflate; server_max_window_bits=10"
MIN_BYTES = 200
VIEWERS = 5
CROWD = 200

Connect = Callable[..., Peer]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    settings = {"aggregate__enabled": False, "listen__workers": 1, "deflate__min_bytes": MIN_BYTES}
    with gateway(tmp_path_factory.mktemp("deflate"), **settings) as process:
        yield process


@pytest.fixture
def studio(served: GatewayProcess, request: pytest.FixtureRequest) -> Iterator[Studio]:
    name = re.sub(r"[^a-zA-Z0-9]", "-", request.node.name)[:60]
    match = Studio(served.wait_for_log("embedded_store", 1)["url"], f"match:{name}")
    match.open()
    yield match
    match.close()


@pytest.fixture
def watch(served: GatewayProcess, studio: Studio) -> Iterator[Connect]:
    peers: list[Peer] = []

    def connect(**headers: str) -> Peer:
        connection = Peer(served.port)
        peers.append(connection)
        return connection.upgrade(f"/v1/live?channel={studio.channel}", **headers)

    yield connect
    for connection in peers:
        connection.close()


def follow(viewer: Peer, held: Document, version: str) -> None:
    while held.version is None or held.version.rpartition(".")[0] != version:
        held.receive(viewer.message())


def test_compressed_viewers_see_what_the_others_see(studio: Studio, watch: Connect) -> None:
    plain, full, small = watch(), watch(Sec_WebSocket_Extensions=OFFER), watch(Sec_WebSocket_Extensions=SMALL)
    assert (plain.deflate, full.deflate, small.deflate) == (False, True, True)
    assert (full.window_bits, small.window_bits) == (15, 9)
    documents = [Document(), Document(), Document()]
    last = ""
    for number in range(20):
        last = studio.patch({"figures": {f"player-{k}": {"kills": number, "deaths": k} for k in range(30)}})
    for viewer, held in zip((plain, full, small), documents, strict=True):
        follow(viewer, held, last)
    assert documents[0].state == documents[1].state == documents[2].state
    assert plain.compressed == 0
    assert full.compressed > 0
    assert small.compressed > 0


def test_a_flush_is_compressed_once_for_all(served: GatewayProcess, studio: Studio, watch: Connect) -> None:
    viewers = [watch(Sec_WebSocket_Extensions=OFFER) for _ in range(VIEWERS)]
    documents = [Document() for _ in viewers]
    for viewer, held in zip(viewers, documents, strict=True):
        held.receive(viewer.next("snapshot"))
    before = compressed(served)
    last = studio.patch({"notes": {f"note-{k}": "the same words again and again" for k in range(20)}})
    for viewer, held in zip(viewers, documents, strict=True):
        follow(viewer, held, last)
    assert compressed(served) == before + 1
    until(lambda: served.metric("grandstand_deflated_frames_total") > before, what="the count of compressed frames")
    assert served.metric("grandstand_deflate_bytes_out_total") < served.metric("grandstand_deflate_bytes_in_total") / 2
    assert served.metric("grandstand_deflate_seconds_total") > 0


def compressed(served: GatewayProcess) -> int:
    """Frames that the worker has compressed so far, by its own report."""
    return int(served.workers()[0]["compression"]["frames"])


def test_a_crowd_follows_what_was_compressed_once(served: GatewayProcess, studio: Studio) -> None:
    swarm = Swarm(CROWD)
    swarm.connect(
        "127.0.0.1",
        served.port,
        f"/v1/live?channel={studio.channel}",
        headers={"Sec-WebSocket-Extensions": OFFER},
        channel=studio.channel,
        count=CROWD,
    )
    until(lambda: swarm.poll(10, until_open=CROWD) or swarm.opened == CROWD, "an open crowd")
    before = compressed(served)
    last = ""
    for number in range(20):
        last = studio.patch({"notes": {f"note-{k}": f"{number} words again and again" for k in range(20)}})

    def arrived() -> bool:
        swarm.poll(20)
        return all(version.rpartition(".")[0] == last for version in swarm.versions())

    until(arrived, "the last version at everybody")
    summary = swarm.summary()
    assert [summary[name] for name in ("gaps", "duplicates", "malformed", "violations")] == [0, 0, 0, 0]
    assert total(swarm, "compressed") >= CROWD
    # One for each flush, and a catch-up now and then for who was behind.
    assert compressed(served) - before <= 60
    swarm.close_all(hard=True)


def test_what_is_short_goes_as_it_is(studio: Studio, watch: Connect) -> None:
    viewer, held = watch(Sec_WebSocket_Extensions=OFFER), Document()
    held.receive(viewer.next("snapshot"))
    before = viewer.compressed
    follow(viewer, held, studio.patch({"n": 1}))
    assert viewer.compressed == before


def test_msgpack_is_compressed_too(studio: Studio, watch: Connect) -> None:
    viewer = watch(Sec_WebSocket_Extensions=OFFER, Sec_WebSocket_Protocol="grandstand.v1.msgpack")
    assert viewer.deflate
    studio.patch({"notes": {f"note-{k}": "the same words again and again" for k in range(20)}})
    while not viewer.compressed:
        opcode, payload = viewer.frame()
        assert opcode == 2
        assert payload[1:6] == b"\xa4type"


def test_viewers_may_compress(served: GatewayProcess, studio: Studio, watch: Connect) -> None:
    viewer = watch(Sec_WebSocket_Extensions=OFFER)
    viewer.next("snapshot")
    viewer.send(b'{"op":"watch","channel":"' + studio.channel.encode() + b'"}', compressed=True)
    assert viewer.next("snapshot")["channel"] == studio.channel
    viewer.send(b'{"op":"watch","channel":"nonsense"}', compressed=True)
    assert viewer.next("error")["code"] == "bad_request"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1\x84\x00\x00\x00\x00\xff\xff\xff\xff", 1007),
        (masked(b"a" * 20_000, compressed=True), 1009),
        (masked(b"\xff" * 40, compressed=True), 1007),
    ],
    ids=["noise", "too-large", "not-text"],
)
def test_hostile_messages(served: GatewayProcess, watch: Connect, data: bytes, code: int) -> None:
    before = served.metric("grandstand_inflate_failures_total")
    viewer = watch(Sec_WebSocket_Extensions=OFFER)
    viewer.sock.sendall(data)
    with pytest.raises(Closed) as caught:
        while True:
            viewer.message()
    assert caught.value.code == code
    until(lambda: served.metric("grandstand_inflate_failures_total") > before, what="the count of failures")


def test_a_header_that_is_no_list_is_refused(watch: Connect) -> None:
    refused = watch(Sec_WebSocket_Extensions="permessage-deflate; =")
    assert refused.status == 400
    assert b'"field":"sec-websocket-extensions"' in refused.body


def test_it_can_be_turned_off(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=1, aggregate__enabled=False, deflate__enabled=False) as served:
        viewer = Peer(served.port)
        viewer.upgrade("/v1/live", Sec_WebSocket_Extensions=OFFER)
        assert viewer.status == 101
        assert "sec-websocket-extensions" not in viewer.headers
        viewer.close()

"""Viewers behind nginx and HAProxy get every message when it is sent, on both ways, and go on from their version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proxies.servers import KINDS, proxy
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Document, Peer

CHANNEL = "match:behind"
pytestmark = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("gateway"), listen__workers=1) as one:
        yield one


@pytest.fixture(scope="module")
def studio(served: GatewayProcess) -> Iterator[Studio]:
    one = Studio(served.wait_for_log("embedded_store", 1)["url"], CHANNEL)
    one.open()
    yield one
    one.close()


class Stream:
    """An event stream as a proxy hands it on: its chunks are the proxy's own, or it ends with the connection."""

    def __init__(self, port: int, **headers: str) -> None:
        self.peer = Peer(port).stream(CHANNEL, Accept="text/event-stream", **headers)
        self._text = b""
        self._chunked = self.peer.headers.get("transfer-encoding") == "chunked"

    def event(self) -> tuple[str | None, dict[str, object]]:
        while b"\n\n" not in self._text:
            self._read()
        event, self._text = self._text.split(b"\n\n", 1)
        fields = dict(line.split(": ", 1) for line in event.decode().splitlines() if ": " in line)
        return fields.get("id"), json.loads(fields["data"])

    def next(self, kind: str) -> tuple[str | None, dict[str, object]]:
        while True:
            event_id, message = self.event()
            assert message["type"] != "snapshot" or kind == "snapshot"
            if message["type"] == kind:
                return event_id, message

    def _read(self) -> None:
        if not self._chunked:
            if not self.peer.buffer:
                self.peer._more()
            self._text, self.peer.buffer = self._text + self.peer.buffer, b""
            return
        while True:
            head, separator, rest = self.peer.buffer.partition(b"\r\n")
            if separator and len(rest) >= int(head, 16) + 2:
                size = int(head, 16)
                assert size, "the stream has ended"
                self._text, self.peer.buffer = self._text + rest[:size], rest[size + 2 :]
                return
            self.peer._more()


def test_an_event_stream_is_not_held_back(kind: str, served: GatewayProcess, studio: Studio, tmp_path: Path) -> None:
    with proxy(kind, served.port, tmp_path / "proxy") as port:
        stream = Stream(port)
        assert stream.peer.status == 200
        assert stream.peer.headers["content-type"].startswith("text/event-stream")
        held, snapshot = stream.next("snapshot")
        assert held == snapshot["version"]
        # Each one arrives before the next is sent: a proxy that collected them would never get there.
        for _ in range(5):
            studio.publish({"op": "score", "team": "red"})
            event_id, delta = stream.next("delta")
            assert (delta["from"], delta["version"]) == (held, event_id)
            held = event_id
        stream.peer.close()
        studio.publish({"op": "score", "team": "blue"})
        assert held is not None
        again = Stream(port, Last_Event_ID=held)
        # Either it is there already, or a tick says that nothing was missed so far.
        _, delta = again.next("delta")
        assert delta["from"] == held
        again.peer.close()


def test_a_websocket_gets_through(kind: str, served: GatewayProcess, studio: Studio, tmp_path: Path) -> None:
    with proxy(kind, served.port, tmp_path / "proxy") as port:
        viewer = Peer(port).upgrade(f"/v1/live?channel={CHANNEL}")
        document = Document()
        document.receive(viewer.next("snapshot"))
        for _ in range(5):
            studio.publish({"op": "score", "team": "red"})
            deltas = document.deltas
            while document.deltas == deltas:
                document.receive(viewer.message())
        viewer.close()


def test_a_kept_connection_carries_requests_and_then_a_stream(
    kind: str, served: GatewayProcess, studio: Studio, tmp_path: Path
) -> None:
    """Proxies keep their connections to the gateway: what was plain HTTP before may ask for a stream next."""
    with proxy(kind, served.port, tmp_path / "proxy") as port:
        for _ in range(3):
            plain = Peer(port)
            plain.request(f"GET /v1/channels/{CHANNEL} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert plain.status == 200
            plain.close()
            stream = Stream(port)
            assert stream.next("snapshot")[1]["channel"] == CHANNEL
            stream.peer.close()

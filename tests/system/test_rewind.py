"""Rewinding: the recordings from random moments, from stream and history, step by step what the file says; then live again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.names import stream_key
from gateway.model.version import Position
from gateway.replay.finding import open_recording
from gateway.replay.fold import encode_entry, reset_event
from gateway.replay.recording import Recording
from tests.databases import postgres
from tests.patience import until
from tests.stores import Store, store
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.system.test_recordings import FOLDERS, matches
from tests.wire.peer import Document, Peer, peer

STARTS = int(os.environ.get("REWINDS", "4"))
"""Random moments of each recording; `make rewind` takes 100."""
STEPS = 12
ENDED_AGO_MS = 5_000
STORED = "grandstand_history_entries_total"


class Told:
    """A recording as it was published: the document after each entry."""

    def __init__(self, recording: Recording, channel: str) -> None:
        moments = [(0, [reset_event(recording)]), *recording.events]
        began_ms = time.time_ns() // 1_000_000 - moments[-1][0] - ENDED_AGO_MS
        self.channel = channel
        self.entries = [(encode_entry(events), began_ms + t_ms) for t_ms, events in moments]
        self.documents: list[dict[str, Any]] = []
        folded = Channel(channel, ChannelLimits(), ring=False)
        for seq, (raw, t_ms) in enumerate(self.entries):
            folded.fold(Entry(Position(1, seq), t_ms, raw), t_ms)
            self.documents.append(folded.doc)

    async def publish(self, url: str) -> None:
        """Appends everything at once."""
        publisher = Publisher(url)
        epoch = await publisher.new_epoch(self.channel)
        for start in range(0, len(self.entries), 500):
            await publisher.append_many(self.channel, epoch, self.entries[start : start + 500])
        await publisher.close()


@pytest.fixture(scope="module")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store for all tests of this module."""
    with store(tmp_path_factory.mktemp("rewind") / "valkey") as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, valkey_server: Store) -> Iterator[GatewayProcess]:
    """A gateway with history, two workers."""
    directory = tmp_path_factory.mktemp("served")
    settings: dict[str, object] = {"history__flush_ms": 20, "rewind__max_viewers": 2}
    with (
        postgres(directory / "postgres") as server,
        gateway(directory, bus__url=valkey_server.url, history__url=server.url, **settings) as process,
    ):
        yield process


def seq_of(version: str) -> int:
    return int(version.partition(".")[0].partition("-")[2])


def rewound(process: GatewayProcess, told: Told, seq: int, way: str) -> None:
    """Watches from an entry on and holds every document against the file's."""
    with peer(process.port) as connection:
        follow(connection, told, seq, way)


def follow(peer: Peer, told: Told, seq: int, way: str) -> None:
    query = f"at=1-{seq}&speed=60"
    if way == "sse":
        peer.request(f"GET /v1/channels/{told.channel}/stream?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    else:
        peer.upgrade(f"/v1/live?channel={told.channel}&{query}")
    document, steps, words = Document(), 0, []
    last = len(told.documents) - 1
    while steps < STEPS:
        message = peer.event()[1] if way == "sse" else peer.message()
        assert message["type"] != "error", message
        if message["type"] == "status":
            words.append(message["status"])
            if message["status"] != "rewind":
                break
        document.receive(message)
        if message["type"] in ("snapshot", "delta"):
            if steps == 0:
                assert message["type"] == "snapshot"
                assert message["status"] == "rewind"
                assert seq_of(message["version"]) == seq
            assert document.state == told.documents[seq_of(message["version"])]
            steps += 1
    if steps < STEPS:
        assert words[-1] != "rewind"
        assert document.state == told.documents[last]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.timeout(3600)
def test_a_recording_from_random_moments(folder: str, served: GatewayProcess, valkey_server: Store) -> None:
    told = Told(open_recording(str(matches() / folder)), f"match:{folder}")
    count, before = len(told.entries), served.metric(STORED)
    asyncio.run(told.publish(valkey_server.url))
    until(lambda: served.metric(STORED) >= before + count, "the history")
    keyframes = f"snap:{{{told.channel}}}"
    until(lambda: f"1-{count - 1}".encode() in (valkey_server.client.lindex(keyframes, 0) or b""), "a keyframe")
    # The first two thirds are in the history alone; the keyframes that the store keeps are of the end.
    valkey_server.client.xtrim(stream_key(told.channel), maxlen=count // 3, approximate=False)
    chance = random.Random(folder)
    starts = [0, count - 2, *(chance.randrange(count) for _ in range(STARTS))]
    for number, seq in enumerate(starts):
        rewound(served, told, seq, "sse" if number % 4 == 3 else "ws")


def test_back_to_live_and_its_bounds(served: GatewayProcess, valkey_server: Store) -> None:
    studio = Studio(valkey_server.url, "match:1")
    studio.open()
    for number in range(20):
        studio.patch({"n": number})
    with peer(served.port) as viewer:
        viewer.upgrade("/v1/live?channel=match:1&at=-1s&speed=1")
        document = Document()
        # A second behind, the viewer comes to the end of what is there and is live again, without gap or duplicate.
        message: dict[str, Any] = {}
        while message.get("status") != "live":
            message = viewer.message()
            assert message["type"] != "error", message
            document.receive(message)
        assert document.state["n"] == 19
        studio.patch({"n": 20})
        while document.state["n"] < 20:
            document.receive(viewer.message())
        assert document.snapshots == 1

        # Rewound on the open connection, and back by a plain watch.
        viewer.say(op="watch", channel="match:1", at="1-5", speed=60)
        message = viewer.next("snapshot")
        assert message["version"].startswith("1-5.")
        assert message["state"]["n"] == 4
        viewer.say(op="watch", channel="match:1")
        while not (message["type"] == "snapshot" and message["status"] != "rewind"):
            message = viewer.message()
        assert message["state"]["n"] == 20

        for wrong, said in (({"at": "x"}, "moment"), ({"at": "-5s", "speed": 61}, "speed")):
            viewer.say(op="watch", channel="match:1", **wrong)
            message = viewer.next("error")
            assert message["code"] == "bad_request"
            assert said in message["message"]
    studio.close()


def opened(process: GatewayProcess, way: str, asked: str) -> int:
    """The status of an opening."""
    channel, _, query = asked.partition("?")
    with peer(process.port) as connection:
        if way == "ws":
            connection.upgrade(f"/v1/live?channel={channel}&{query}")
        else:
            connection.request(
                f"GET /v1/channels/{channel}/stream?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            )
        return connection.status


def test_a_channel_that_is_in_the_history_alone(served: GatewayProcess, valkey_server: Store) -> None:
    studio = Studio(valkey_server.url, "match:old")
    before = served.metric(STORED)
    studio.open()
    for number in range(30):
        studio.patch({"n": number})
    studio.publish({"op": "end", "winner": "red"})
    until(lambda: served.metric(STORED) >= before + 32, "the history")
    # Gone from the store while aggregators read it, and for good.
    valkey_server.client.delete(studio.key, "snap:{match:old}")
    for way in ("sse", "ws"):
        # There is nothing live of it, and nothing at all of what never was.
        for asked in ("match:old", "match:never?at=-60s"):
            assert opened(served, way, asked) == 404
        with peer(served.port) as viewer:
            if way == "ws":
                viewer.upgrade("/v1/live?channel=match:old&at=1-5&speed=60")
            else:
                viewer.request(b"GET /v1/channels/match:old/stream?at=1-5&speed=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            document, words, message = Document(), ["rewind"], {"type": ""}
            while words[-1] == "rewind":
                message = viewer.event()[1] if way == "sse" else viewer.message()
                assert message["type"] != "error", message
                if message["type"] == "snapshot":
                    assert seq_of(message["version"]) == 5
                    assert message["state"]["n"] == 4
                if message["type"] == "status":
                    words.append(message["status"])
                document.receive(message)
            assert words[-1] == "ended"
            assert (document.state["n"], document.state["status"], document.snapshots) == (29, "ended", 1)
            if way == "sse":
                continue
            # Again on the open connection; and who has seen the end is let in when the channel begins anew.
            viewer.say(op="watch", channel="match:old", at="1-30", speed=60)
            assert viewer.next("snapshot")["state"]["n"] == 29
            while viewer.next("status")["status"] == "rewind":
                pass
            studio.open(n=100)
            assert viewer.next("snapshot")["state"]["n"] == 100
            valkey_server.client.delete(studio.key)
    studio.close()


def test_more_rewinding_viewers_than_may_are_refused(served: GatewayProcess, valkey_server: Store) -> None:
    studio = Studio(valkey_server.url, "match:2")
    studio.open()
    for _ in range(200):
        studio.patch({"n": 1})
    # As fast as it was, so that all are behind for as long as the test needs.
    began_ms = time.time_ns() // 1_000_000
    for number in range(100):
        fields = {"t": str(began_ms - 60_000 + number * 600), "e": '{"op":"a"}'}
        studio.store.xadd(studio.key, fields, id=f"{studio.epoch + 1}-*")
    codes: list[str] = []
    with contextlib.ExitStack() as viewers:
        # Two workers of two each.
        for _ in range(5):
            viewer = viewers.enter_context(peer(served.port))
            viewer.upgrade("/v1/live?channel=match:2&at=-30s")
            message = viewer.message()
            codes.append(message.get("code", message["type"]))
    assert codes.count("rewind_unavailable") >= 1
    assert codes.count("snapshot") >= 2
    until(lambda: served.metric("grandstand_rewinding_viewers") == 0)
    studio.close()

"""The store goes away and comes back, loses entries that are then numbered anew, refuses the old, and lets readers only read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis

from tests.faults.beat import Beat
from tests.faults.proxy import proxy
from tests.faults.valkey import Valkey, valkey
from tests.patience import PATIENCE_S, until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Document, Peer


class Viewer:
    """A viewer that follows the rules; a gap or a duplicate is an error."""

    def __init__(self, served: GatewayProcess, channel: str) -> None:
        self.peer = Peer(served.port).upgrade(f"/v1/live?channel={channel}")
        assert self.peer.status == 101, self.peer.body
        self.held = Document()
        self.statuses: list[str] = []

    def step(self) -> None:
        """Takes one message."""
        message = self.peer.message()
        self.held.receive(message)
        if message["type"] == "status":
            self.statuses.append(message["status"])

    def until(self, condition: object, timeout_s: float = PATIENCE_S) -> None:
        """Takes messages until `condition()` is true."""
        deadline = time.monotonic() + timeout_s
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < deadline, (self.statuses, self.held.version, self.held.state)
            self.step()


def test_store_killed_and_started_again_under_load(tmp_path: Path) -> None:
    with (
        valkey(tmp_path / "store") as store,
        gateway(tmp_path / "gateway", bus__url=store.url, channel__feed_entries=1000) as served,
    ):
        studio = Studio(store.url, "match:outage")
        studio.open()
        viewers = [Viewer(served, studio.channel) for _ in range(8)]
        for viewer in viewers:
            viewer.until(lambda v=viewer: v.held.version is not None)
        with Beat(studio, 20) as beat:
            until(lambda: len(beat.acknowledged) > 20)
            store.kill()
            for viewer in viewers:
                viewer.until(lambda v=viewer: "paused" in v.statuses)
            until(lambda: beat.errors > 0)
            store.start()
            for viewer in viewers:
                viewer.until(lambda v=viewer: v.statuses[-1] == "live")
            resumed = len(beat.acknowledged)
            until(lambda: len(beat.acknowledged) > resumed + 20)
        last = beat.acknowledged[-1]
        entries = studio.store.xlen(studio.key)
        for viewer in viewers:
            viewer.until(lambda v=viewer: v.held.state.get("figures", {}).get("n") == last)
            assert viewer.held.snapshots == 1, "the history is the same, so nobody needs another snapshot"
            numbers = [event["op"] for event in viewer.held.events]
            assert len(numbers) == entries - 1, "every event that the store holds, once"
            viewer.peer.close()
        assert entries >= len(beat.acknowledged) + 1
        studio.close()


def lose_and_renumber(primary: Valkey, survivor: Valkey, studio: Studio) -> Studio:
    """The survivor is promoted without the primary's last entries, and goes on under the same numbers."""
    until(lambda: survivor.client.xlen(studio.key) == primary.client.xlen(studio.key))
    survivor.client.replicaof("NO", "ONE")
    for number in range(5):
        studio.patch({"figures": {"lost": number}}, op="lost")
    other = Studio(survivor.url, studio.channel)
    other.epoch = studio.epoch
    return other


def test_promoted_replica_with_another_history(tmp_path: Path) -> None:
    with (
        valkey(tmp_path / "a") as primary,
        valkey(tmp_path / "b", "--replicaof", f"127.0.0.1 {primary.port}") as survivor,
    ):
        until(lambda: survivor.client.info("replication")["master_link_status"] == "up")
        with (
            proxy(primary.port) as door,
            gateway(tmp_path / "gateway", bus__url=f"redis://127.0.0.1:{door.port}", bus__write_url="none") as served,
        ):
            studio = Studio(primary.url, "match:failover")
            studio.open()
            for number in range(10):
                studio.patch({"figures": {"n": number}})
            viewers = [Viewer(served, studio.channel) for _ in range(6)]
            other = lose_and_renumber(primary, survivor, studio)
            for viewer in viewers:
                viewer.until(lambda v=viewer: (v.held.state or {}).get("figures", {}).get("lost") == 4)
            for number in range(8):
                other.patch({"figures": {"kept": number}}, op="kept")
            door.switch(survivor.port)
            for viewer in viewers:
                viewer.until(lambda v=viewer: v.held.state["figures"].get("kept") == 7)
                assert viewer.held.state["figures"] == {"n": 9, "kept": 7}, "a mix of two histories"
            other.patch({"figures": {"kept": 8}}, op="kept")
            for viewer in viewers:
                viewer.until(lambda v=viewer: v.held.state["figures"].get("kept") == 8)
                viewer.peer.close()
            assert served.metric("grandstand_histories_started_over_total", why="history") >= 1
            studio.close()
            other.close()


def test_replica_that_changes_its_history_under_an_open_connection(tmp_path: Path) -> None:
    """The edge reads a replica; the replica is given another primary while the edge's connection stays open."""
    with (
        valkey(tmp_path / "a") as primary,
        valkey(tmp_path / "b", "--replicaof", f"127.0.0.1 {primary.port}") as survivor,
        valkey(tmp_path / "c", "--replicaof", f"127.0.0.1 {primary.port}") as reader,
        gateway(tmp_path / "gateway", bus__url=reader.url, bus__write_url="none") as served,
    ):
        for replica in (survivor, reader):
            until(lambda r=replica: r.client.info("replication")["master_link_status"] == "up")
        studio = Studio(primary.url, "match:reparent")
        studio.open()
        for number in range(10):
            studio.patch({"figures": {"n": number}})
        until(lambda: reader.client.xlen(studio.key) == 11)
        viewer = Viewer(served, studio.channel)
        other = lose_and_renumber(primary, survivor, studio)
        viewer.until(lambda: (viewer.held.state or {}).get("figures", {}).get("lost") == 4)
        for number in range(20):
            other.patch({"figures": {"kept": number}}, op="kept")
        reader.client.replicaof("127.0.0.1", survivor.port)
        viewer.until(lambda: viewer.held.state["figures"].get("kept") == 19)
        assert viewer.held.state["figures"] == {"n": 9, "kept": 19}
        viewer.peer.close()
        studio.close()
        other.close()


def test_publisher_of_an_old_epoch_is_refused(tmp_path: Path) -> None:
    with valkey(tmp_path / "store") as store:
        old, new = Studio(store.url, "match:fenced"), Studio(store.url, "match:fenced")
        old.open()
        old.patch({"figures": {"n": 1}})
        new.open()
        with pytest.raises(redis.ResponseError, match="equal or smaller"):
            old.patch({"figures": {"n": 2}})
        assert new.patch({"figures": {"n": 3}}) == "2-1"
        old.close()
        new.close()


READER = ["on", ">secret", "resetkeys", "%R~live:*", "%R~snap:*", "%R~rank:*", "%R~score:*", "%R~boards:*", "%R~status:*",
          "%R~names:*", "resetchannels", "&__keyspace@0__:live:*", "&__keyspace@0__:grandstand:none", "-@all", "+ping", "+xrange",
          "+xread", "+xinfo|stream", "+lrange", "+zrange", "+zrank", "+zcard", "+hmget", "+hgetall", "+subscribe",
          "+unsubscribe", "+client|setinfo", "+select"]  # fmt: skip
"""The rights that docs/store.md gives to the edge."""


@pytest.mark.parametrize("wakeup", ["auto", "blocking", "poll"])
def test_edge_with_a_user_that_may_only_read(tmp_path: Path, wakeup: str) -> None:
    with valkey(tmp_path / "store") as store:
        store.client.execute_command("ACL", "SETUSER", "edge", *READER)
        url = store.url.replace("redis://", "redis://edge:secret@")
        with gateway(tmp_path / "gateway", bus__url=url, bus__write_url="none", bus__wakeup=wakeup) as served:
            studio = Studio(store.url, "match:readonly")
            studio.open()
            viewer = Viewer(served, studio.channel)
            for number in range(10):
                studio.patch({"figures": {"n": number}})
            viewer.until(lambda: (viewer.held.state or {}).get("figures", {}).get("n") == 9)
            assert "secret" not in served.log_text()
            viewer.peer.close()
            studio.close()


def test_trimmed_stream_and_wrong_type_do_not_stop_a_channel(tmp_path: Path) -> None:
    with (
        valkey(tmp_path / "store") as store,
        gateway(tmp_path / "gateway", bus__url=store.url, keyframes__every_s=0.5) as served,
    ):
        studio = Studio(store.url, "match:trimmed")
        studio.open()
        for number in range(50):
            studio.patch({"figures": {"n": number}})
        until(lambda: store.client.llen(f"snap:{{{studio.channel}}}") > 0)
        studio.store.xtrim(studio.key, maxlen=3, approximate=False)
        viewer = Viewer(served, studio.channel)
        viewer.until(lambda: viewer.held.version is not None)
        assert viewer.held.state["figures"] == {"n": 49}
        assert viewer.held.state["teams"], "the keyframe brought what the stream has trimmed"
        studio.store.set("live:{match:odd}", "a string")
        odd = Peer(served.port).upgrade("/v1/live?channel=match:odd")
        assert odd.status == 503
        studio.patch({"figures": {"n": 50}})
        viewer.until(lambda: viewer.held.state["figures"]["n"] == 50)
        for connection in (viewer.peer, odd):
            connection.close()
        studio.close()

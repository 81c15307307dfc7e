"""The contract, on a real cluster of three nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.bus.base import Bus
from gateway.bus.publisher import Publisher
from gateway.bus.redis_streams import RedisStreams
from gateway.model.names import stream_key
from tests.bus.contract import BusContract
from tests.cluster import Cluster, cluster


class ClusterGround:
    """A cluster; the store dies with all of its nodes."""

    many = 500

    def __init__(self, nodes: Cluster) -> None:
        self.nodes = nodes
        self.client = nodes.client()

    def reader(self) -> Bus:
        return RedisStreams(self.nodes.url)

    def writer(self) -> Publisher:
        return Publisher(self.nodes.url)

    def kill(self) -> None:
        for node in self.nodes.nodes:
            node.kill()

    def start(self) -> None:
        for node in self.nodes.nodes:
            node.start()
        self.nodes.wait()

    def trim(self, channel: str, keep: int) -> None:
        self.client.xtrim(stream_key(channel), maxlen=keep, approximate=False)

    def forget(self, channel: str) -> None:
        self.client.delete(stream_key(channel))

    def spoil(self, channel: str) -> None:
        self.client.set(stream_key(channel), "no stream")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[ClusterGround]:
    with cluster(tmp_path) as nodes:
        made = ClusterGround(nodes)
        yield made
        made.client.close()


class TestCluster(BusContract):
    """Everything that the contract asks."""

    async def test_tails_are_read_from_every_node(self, ground: ClusterGround, bus: Bus, publisher: Publisher) -> None:
        slots = {ground.client.keyslot(stream_key(f"match:{n}")) * 3 // 16384 for n in range(20)}
        assert slots == {0, 1, 2}
        assert bus.wakeup == "poll"
        assert "cluster" in bus.wakeup_reason

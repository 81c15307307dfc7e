"""The contract, on a real Valkey, by each of the three wake-up methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.bus.base import Bus
from gateway.bus.publisher import Publisher
from gateway.bus.redis_streams import RedisStreams
from gateway.model.names import stream_key
from tests.bus.contract import BusContract
from tests.stores import Store


class ValkeyGround:
    """A Valkey, followed by one wake-up method."""

    def __init__(self, server: Store, wakeup: str) -> None:
        self.server = server
        self.wakeup = wakeup
        self.many = 300 if wakeup == "blocking" else 2000

    def reader(self) -> Bus:
        return RedisStreams(self.server.url, self.wakeup)

    def writer(self) -> Publisher:
        return Publisher(self.server.url)

    def kill(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()

    def trim(self, channel: str, keep: int) -> None:
        self.server.client.xtrim(stream_key(channel), maxlen=keep, approximate=False)

    def forget(self, channel: str) -> None:
        self.server.client.delete(stream_key(channel))

    def spoil(self, channel: str) -> None:
        self.server.client.set(stream_key(channel), "no stream")


@pytest.fixture(params=["notify", "blocking", "poll"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, valkey_server: Store) -> ValkeyGround:
    return ValkeyGround(valkey_server, request.param)


class TestRedisStreams(BusContract):
    """Everything that the contract asks."""

    async def test_the_method_that_was_asked_for_is_used(self, ground: ValkeyGround, bus: Bus) -> None:
        assert (bus.wakeup, bus.wakeup_reason) == (ground.wakeup, "set by bus.wakeup")

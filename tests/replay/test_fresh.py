"""Names of channels that nothing was published under."""

from __future__ import annotations

from gateway.bus.embedded import EmbeddedValkey
from gateway.bus.publisher import Publisher
from gateway.replay.fresh import FreshChannels
from gateway.replay.player import play
from tests.replay.stores import counting


async def test_a_name_is_given_once_and_never_one_that_the_store_has(
    store: EmbeddedValkey, publisher: Publisher
) -> None:
    await play(counting([0]), publisher, "match:final-2", 0)
    fresh = FreshChannels(publisher)
    names = [await fresh.take("match:final") for _ in range(3)]
    assert names == ["match:final", "match:final-3", "match:final-4"]
    assert await FreshChannels(publisher).take("match:final-2") == "match:final-2-2"


async def test_a_long_name_stays_within_what_a_channel_may_have(store: EmbeddedValkey, publisher: Publisher) -> None:
    fresh = FreshChannels(publisher)
    long = "match:" + "x" * 128
    assert [await fresh.take(long) for _ in range(2)] == [long, "match:" + "x" * 126 + "-2"]

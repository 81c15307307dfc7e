"""Documents that the aggregator folds, on a real Valkey: never over entries that are missing."""

from __future__ import annotations

import asyncio

import msgspec

from gateway.aggregate.boards.boards import Boards
from gateway.aggregate.boards.ledger import Ledger
from gateway.aggregate.boards.letters import Letters
from gateway.aggregate.boards.past import Past
from gateway.aggregate.folding import Folding
from gateway.aggregate.reader import Reader
from gateway.bus.ending import end
from gateway.bus.publisher import Publisher
from gateway.bus.redis_streams import RedisStreams
from gateway.model.boards import Scopes
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.version import Position
from tests.stores import Store

NAME = "match:gap"


def events(first: int, count: int) -> list[tuple[bytes, int]]:
    reset = [(msgspec.json.encode({"op": "reset", "state": {"seen": {}}}), 0)] if first == 0 else []
    patches = range(max(first, 1), first + count)
    return reset + [(msgspec.json.encode({"op": "n", "patch": {"seen": {f"n{n}": n}}}), n) for n in patches]


class Sole:
    """The lease of who is alone."""

    def generation_of(self, name: str) -> int:
        return 1

    async def outrank(self, name: str, generation: int) -> bool:
        return True


async def test_entries_that_were_trimmed_unread_begin_the_document_anew(valkey_server: Store) -> None:
    """It was folded on without them, and the wrong document became a keyframe, from which owners begin."""
    bus, publisher = RedisStreams(valkey_server.url), Publisher(valkey_server.url)
    ledger, letters = Ledger(valkey_server.url, 86_400), Letters(valkey_server.url, 10)
    past = Past(bus, None, ChannelLimits())
    boards = Boards(
        bus, ledger, past, letters, Scopes("", 86_400_000), lambda: 0, lambda name: reader.again(name), 16, Sole
    )
    folding = Folding(bus, ChannelLimits(), boards, [], lambda: 0, lambda name: reader.again(name))
    reader = Reader(bus, folding)
    await bus.connect()
    reader.want({NAME})
    running = asyncio.create_task(reader.run())

    async def folded_up_to(seq: int) -> None:
        async with asyncio.timeout(30):
            while (known := folding.channels.get(NAME)) is None or known.position != Position(1, seq):
                await asyncio.sleep(0.01)

    await publisher.append_many(NAME, 1, events(0, 10))
    await folded_up_to(9)

    bus.unfollow(NAME)
    await publisher.append_many(NAME, 1, events(10, 30))
    entries = await bus.read(NAME, Position(1, 0), None, 100)
    whole, last = Channel(NAME, ChannelLimits(), ring=False), entries[9]
    for entry in entries[:35]:
        whole.fold(entry, 0)
    await publisher.write_keyframe(NAME, whole.keyframe())
    valkey_server.client.xtrim(f"live:{{{NAME}}}", maxlen=10, approximate=False)
    assert isinstance(last, Entry)
    bus.follow(NAME, last, reader)

    await folded_up_to(39)
    assert folding.channels[NAME].doc == {"seen": {f"n{n}": n for n in range(1, 40)}}
    await end(running)
    for closing in (bus, publisher, ledger, letters):
        await closing.close()

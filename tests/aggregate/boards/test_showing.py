"""A board as a channel has one writer: who was frozen while another took the board over is refused by the store."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest
import redis

from gateway.bus.errors import Fenced
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.names import stream_key
from tests.aggregate.boards.recount import entries_of
from tests.aggregate.boards.test_losses import until
from tests.stores import Store
from tests.system.aggregators import Aggregator

BOARD = "board:kills.all"


def score(client: redis.Redis, member: str) -> None:
    event = json.dumps({"op": "play", "patch": {}, "points": {"kills": {member: 1}}})
    client.xadd(stream_key("match:1"), {"t": str(time.time_ns() // 1_000_000), "e": event}, id="1-*")


def board(client: redis.Redis) -> dict[str, int]:
    """Members and points as the channel tells them."""
    channel = Channel(BOARD, ChannelLimits(), ring=False)
    for entry in entries_of(client, BOARD):
        channel.fold(entry, 0)
    return {member: row["points"] for member, row in channel.doc.get("rows", {}).items()}


async def test_a_writer_that_was_frozen_is_refused(tmp_path: Path, valkey_server: Store) -> None:
    client = valkey_server.client
    with contextlib.ExitStack() as ending:
        first = Aggregator(tmp_path / "first", valkey_server.url)
        ending.callback(first.stop)
        score(client, "ana")
        until(lambda: board(client) == {"ana": 1}, [first])
        epoch = entries_of(client, BOARD)[-1].position.epoch
        first.freeze()
        ending.callback(first.thaw)
        second = Aggregator(tmp_path / "second", valkey_server.url)
        ending.callback(second.stop)
        score(client, "ben")
        until(lambda: board(client) == {"ana": 1, "ben": 1}, [first, second])
        taken = entries_of(client, BOARD)[-1].position.epoch
        assert taken > epoch
        publisher = Publisher(valkey_server.url)
        with pytest.raises(Fenced) as refused:
            await publisher.append(BOARD, epoch, b'{"op":"rows","patch":{"rows":null}}', 0)
        await publisher.close()
        assert refused.value.current_epoch == taken
        first.thaw()
        score(client, "eva")
        until(lambda: board(client) == {"ana": 1, "ben": 1, "eva": 1}, [first, second])

"""The list of matches is what all processes have put, whoever of them writes it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from gateway.aggregate.lobby import Lobby
from gateway.bus.connect import open_publisher
from gateway.bus.ending import end
from gateway.bus.ranges import to_entry
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.names import LOBBY, rows_key, stream_key
from gateway.model.version import Position
from tests.patience import eventually
from tests.stores import Store


class Clock:
    ahead_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


now_ms = Clock()


def match(name: str, title: str) -> Channel:
    channel = Channel(name, ChannelLimits())
    reset = {"op": "reset", "state": {"title": title, "status": "live", "teams": {}}}
    channel.fold(Entry(Position(1, 0), now_ms(), json.dumps(reset).encode()), now_ms())
    return channel


def shown(store: Store) -> dict[str, Any]:
    """The titles in the list as viewers see it."""
    channel = Channel(LOBBY, ChannelLimits())
    for entry_id, fields in store.client.xrange(stream_key(LOBBY)):
        channel.fold(to_entry(entry_id, fields), now_ms())
    return {name: row["title"] for name, row in channel.doc.get("matches", {}).items()}


@asynccontextmanager
async def lobby(store: Store, holds: Callable[[], bool]) -> AsyncIterator[Lobby]:
    publisher = open_publisher(store.url)
    one = Lobby(publisher, now_ms, lambda _name: holds())
    work = asyncio.ensure_future(one.run())
    try:
        yield one
    finally:
        await end(work)
        await publisher.close()


async def until(store: Store, titles: dict[str, str]) -> None:
    await eventually(lambda: shown(store) == titles, lambda: f"{titles}, there are {shown(store)}")


async def test_rows_of_all_processes_are_in_the_list_and_old_ones_leave_it(
    valkey_server: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, holder = rows_key(LOBBY), [0]
    valkey_server.client.hset(key, mapping={
        "old": json.dumps({"changed_ms": now_ms() - 7_200_000, "row": {"title": "Old"}}),
        "ended": json.dumps({"changed_ms": now_ms(), "row": {"title": "Ended", "status": "ended"}}),
        "odd": "no row",
    })  # fmt: skip
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(lobby(valkey_server, lambda number=number: holder[0] == number))  # type: ignore[misc]
            for number in range(2)
        ]
        await until(valkey_server, {"ended": "Ended"})
        assert valkey_server.client.hkeys(key) == [b"ended"]
        # The writer's own rows need not be read; another's are, also where both put at once.
        first.on_change(match("match:1", "One"), [])
        await until(valkey_server, {"ended": "Ended", "1": "One"})
        second.on_change(match("match:2", "Two"), [])
        await until(valkey_server, {"ended": "Ended", "1": "One", "2": "Two"})
        for number in range(3, 9):
            (first, second)[number % 2].on_change(match(f"match:{number}", str(number)), [])
        first.on_change(match("match:1", "Once more"), [])
        everything = {"1": "Once more", "2": "Two", **{str(n): str(n) for n in range(3, 9)}}
        await until(valkey_server, {"ended": "Ended", **everything})
        # What has ended leaves the list after ten minutes.
        monkeypatch.setattr(now_ms, "ahead_ms", 700_000)
        await until(valkey_server, everything)
        holder[0] = 1
        second.on_change(match("match:2", "Again"), [])
        await until(valkey_server, {**everything, "2": "Again"})
        assert {int(entry_id.partition(b"-")[0]) for entry_id, _ in valkey_server.client.xrange(stream_key(LOBBY))} == {
            1,
            2,
        }

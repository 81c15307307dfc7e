"""Exactly once over the slots of a real cluster, with an aggregator killed and a primary lost while events come in."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

import pytest

from gateway.bus.errors import BusError
from gateway.bus.publisher import Publisher
from gateway.model.boards import Scopes
from tests.aggregate.boards.recount import boards_in, entries_of, recount, stored
from tests.cluster import cluster
from tests.system.aggregators import Aggregator, aggregators

CHANNELS = [f"match:c{number}" for number in range(12)]
BATCHES = 60
DEADLINE_S = 150.0


async def publish(url: str, begun: asyncio.Event, go: asyncio.Event) -> None:
    """Batches for every channel; one that is not acknowledged is published again, which may double it: the streams decide."""
    choose, publisher = random.Random(3), Publisher(url)
    base_ms = time.time_ns() // 1_000_000 - 100_000
    for number in range(BATCHES):
        if number == BATCHES // 2:
            begun.set()
            await go.wait()
        for channel in CHANNELS:
            points = [{"kills": {f"p{choose.randrange(50)}": choose.choice((1, 1, 2, -1))}} for _ in range(10)]
            entries = [
                (json.dumps({"op": "play", "patch": {}, "points": p}).encode(), base_ms + number) for p in points
            ]
            while True:
                try:
                    await publisher.append_many(channel, 1, entries)
                    break
                except BusError:
                    await asyncio.sleep(0.2)
    await publisher.close()


@pytest.mark.timeout(600)
async def test_a_lost_primary_and_a_killed_aggregator(tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", replicas=True) as nodes, aggregators(tmp_path, nodes.url, 2) as running:
        begun, go = asyncio.Event(), asyncio.Event()
        publishing = asyncio.create_task(publish(nodes.url, begun, go))
        await asyncio.wait_for(begun.wait(), DEADLINE_S)
        running[0].kill()
        running[0] = Aggregator(tmp_path / "aggregator-0", nodes.url)
        failing = asyncio.create_task(asyncio.to_thread(nodes.fail_over, 1))
        go.set()
        await failing
        await asyncio.wait_for(publishing, DEADLINE_S)

        def settled() -> bool:
            client = nodes.client()
            try:
                histories = {name: entries_of(client, name) for name in CHANNELS}
                wanted = recount(histories, Scopes(), time.time_ns() // 1_000_000)
                assert sum(map(len, histories.values())) >= 0.9 * len(CHANNELS) * BATCHES * 10
                return boards_in(client) == set(wanted) and all(stored(client, b) == rows for b, rows in wanted.items())
            finally:
                client.close()

        deadline = time.monotonic() + DEADLINE_S
        while not await asyncio.to_thread(settled):
            assert time.monotonic() < deadline, "\n".join(one.log_text()[-3000:] for one in running)
            await asyncio.sleep(0.5)

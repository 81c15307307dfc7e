"""The recordings and many simulated events, published twice in part, with three aggregators that are killed one after the other:
every board is what a recount of the whole history gives, to the last byte.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.bus.publisher import Publisher
from gateway.model.boards import Scopes
from gateway.replay.finding import open_recording
from tests.aggregate.boards.recount import boards_in, entries_of, recount, stored
from tests.stores import Store
from tests.system.aggregators import Aggregator, aggregators

DATA = Path(os.environ.get("GRANDSTAND_MATCHES") or Path(__file__).resolve().parents[4] / "shared" / "data")
EVENTS = int(os.environ.get("BOARD_EVENTS", "10000"))
"""Simulated events; more by hand: BOARD_EVENTS=200000."""
FOLDERS = [folder for folder in sorted(DATA.iterdir()) if folder.is_dir()] if DATA.is_dir() else []
CHANNELS = 40
MEMBERS = 300
METRICS = ("kills", "assists", "score")
BATCH = 50


async def publish_simulated(publisher: Publisher, seed: int, events: int) -> None:
    """Random points on random boards: corrections, ties, late stamps, voids; a third of the batches is published twice."""
    choose = random.Random(seed)
    now_ms = time.time_ns() // 1_000_000
    for index in range(CHANNELS):
        await publisher.append(f"match:sim{index}", 1, b'{"op":"reset","state":{"players":{}}}', now_ms)
    for number in range(0, events, BATCH):
        name = f"match:sim{choose.randrange(CHANNELS)}"
        batch = []
        for _ in range(BATCH):
            member = f"p{int(choose.random() ** 2 * MEMBERS)}"
            points = {choose.choice(METRICS): {member: choose.choice((1, 1, 1, 2, 5, -1, 0))}}
            batch.append({"op": "play", "patch": {}, "points": points})
        if choose.random() < 0.002:
            batch = [{"op": "void"}]  # type: ignore[list-item]
        t_ms = now_ms - choose.randrange(3 * 86_400_000) // 1000 * 1000
        if choose.random() < 0.5:
            await publisher.append_many(name, 1, [(json.dumps(event).encode(), t_ms) for event in batch])
            continue
        for _ in range(choose.choice((1, 2, 2))):
            await publisher.append_idempotent(name, 1, f"k{number}", json.dumps(batch).encode(), t_ms, False)


async def publish_recordings(publisher: Publisher) -> list[str]:
    """Every recording as fast as the store takes it."""
    channels = []
    for folder in FOLDERS:
        recording = open_recording(str(folder))
        name = f"match:{folder.name}"
        channels.append(name)
        base_ms = time.time_ns() // 1_000_000 - 7_200_000
        reset = {"op": "reset", "state": recording.state, "rules": recording.rules}
        await publisher.append(name, 1, json.dumps(reset).encode(), base_ms)
        waiting: list[tuple[bytes, int]] = []
        for at_ms, events in recording.events:
            waiting.append((json.dumps(list(events)).encode(), base_ms + at_ms))
            if len(waiting) >= 500:
                await publisher.append_many(name, 1, waiting)
                waiting = []
        if waiting:
            await publisher.append_many(name, 1, waiting)
    return channels


def equal_to_recount(store: Store, channels: list[str]) -> Callable[[], bool]:
    histories = {name: entries_of(store.client, name) for name in channels}
    wanted = recount(histories, Scopes(), time.time_ns() // 1_000_000)

    def equal() -> bool:
        return boards_in(store.client) == set(wanted) and all(
            stored(store.client, b) == rows for b, rows in wanted.items()
        )

    return equal


def wait(condition: Callable[[], bool], log: Callable[[], str], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, log()[-4000:]
        time.sleep(0.2)


@pytest.fixture
def three(tmp_path: Path, valkey_server: Store) -> Iterator[list[Aggregator]]:
    with aggregators(tmp_path, valkey_server.url, 3) as running:
        yield running


@pytest.mark.timeout(400)
async def test_three_aggregators_killed_in_turn(tmp_path: Path, valkey_server: Store, three: list[Aggregator]) -> None:
    publisher = Publisher(valkey_server.url, maxlen=10_000_000)
    stop = asyncio.Event()

    async def kill_in_turn() -> None:
        number = 0
        while not stop.is_set():
            await asyncio.sleep(random.uniform(0.3, 2.0))
            index = number % 3
            three[index].kill()
            number += 1
            three[index] = Aggregator(tmp_path / f"aggregator-{index}", valkey_server.url)

    killing = asyncio.create_task(kill_in_turn())
    channels = await publish_recordings(publisher)
    await publish_simulated(publisher, 7, EVENTS)
    await asyncio.sleep(3)
    stop.set()
    await killing
    channels += [f"match:sim{index}" for index in range(CHANNELS)]
    await publisher.close()
    equal = equal_to_recount(valkey_server, channels)
    await asyncio.to_thread(wait, equal, lambda: "\n".join(one.log_text() for one in three))

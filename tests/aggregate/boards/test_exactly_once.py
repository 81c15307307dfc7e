"""The recordings and many simulated events, published twice in part, with three aggregators (boards and history) that are killed
one after the other: the history is the streams, and every board is to the last byte what SQL counts from the history.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.bus.publisher import Publisher
from gateway.history.database import Database
from gateway.history.errors import Unavailable
from gateway.replay.finding import open_recording
from tests.aggregate.boards.recount import boards_in, entries_of, stored
from tests.databases import postgres
from tests.history.stream import stored as kept
from tests.stores import Store
from tests.system.aggregators import Aggregator, aggregators
from tests.system.gateway import GatewayProcess, gateway

DATA = Path(os.environ.get("GRANDSTAND_MATCHES") or Path(__file__).resolve().parents[4] / "shared" / "data")
EVENTS = int(os.environ.get("BOARD_EVENTS", "10000"))
"""Simulated events; `make exactly-once` takes 200,000."""
FOLDERS = [folder for folder in sorted(DATA.iterdir()) if folder.is_dir()] if DATA.is_dir() else []
CHANNELS = 40
MEMBERS = 300
WEAPONS = ("bow", "axe", None)
METRICS = ("kills", "assists", "score")
BATCH = 50
SEASON, KEPT_DAYS = "s1", 90
CUP_ENDS_MS = time.time_ns() // 1_000_000 - 86_400_000
KINDS = {
    "region": {"path": "/region"},
    "role": {"path": "/players/*/role", "metrics": ["kills"]},
    "weapon": {"field": "weapon", "metrics": ["score"]},
    "cup": {"begins": "2020-01-01T00:00:00Z", "ends": datetime.fromtimestamp(CUP_ENDS_MS / 1000, UTC).isoformat()},
}
"""Further kinds of boards, as recount.sql counts them: regions by the number of the match, roles by that of the member."""
SETTINGS = {
    "boards__season": SEASON,
    "boards__kept_days": KEPT_DAYS,
    "boards__kinds": json.dumps(KINDS),
    # The recordings are over: their streams are what the history is held against, and stay.
    "aggregate__trim_after_s": 0,
}
DEADLINE_S = 180.0
RECOUNT = Path(__file__).with_name("recount.sql").read_text()


async def publish_simulated(publisher: Publisher, seed: int, events: int) -> None:
    """Random points on random boards: corrections, ties, late stamps, poison, voids; a third of the batches is published twice."""
    choose = random.Random(seed)
    now_ms = time.time_ns() // 1_000_000
    for index in range(CHANNELS):
        players = {f"p{number}": {"role": ("scout", "medic")[number % 2]} for number in range(MEMBERS)}
        reset = {"op": "reset", "state": {"region": f"r{index % 3}", "players": players}}
        await publisher.append(f"match:sim{index}", 1, json.dumps(reset).encode(), now_ms)
    for number in range(0, events, BATCH):
        name = f"match:sim{choose.randrange(CHANNELS)}"
        batch = []
        for _ in range(BATCH):
            member = f"p{int(choose.random() ** 2 * MEMBERS)}"
            by = choose.choice((1, 1, 1, 2, 5, -1, 0)) if choose.random() < 0.999 else 2_000_000_000
            event = {"op": "play", "patch": {}, "points": {choose.choice(METRICS): {member: by}}}
            batch.append({**event, "weapon": choose.choice(WEAPONS)})
        if choose.random() < 0.01:
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


@pytest.fixture
def history_url(tmp_path: Path) -> Iterator[str]:
    """A Postgres of its own."""
    with postgres(tmp_path / "postgres") as server:
        yield server.url


@pytest.fixture
def three(tmp_path: Path, valkey_server: Store, history_url: str) -> Iterator[list[Aggregator]]:
    """Three aggregators that count and keep."""
    with aggregators(tmp_path, valkey_server.url, 3, history__url=history_url, **SETTINGS) as running:
        yield running


@pytest.fixture
def served(tmp_path: Path, valkey_server: Store) -> Iterator[GatewayProcess]:
    """A gateway that only reads."""
    with gateway(tmp_path / "gateway", bus__url=valkey_server.url, bus__write_url="none", listen__workers=1) as process:
        yield process


def board_over_http(served: GatewayProcess, board: str) -> str:
    """All of a board's pages, as the recount writes them."""
    lines: list[str] = []
    while True:
        address = f"{served.url}/v1/leaderboards/{board}?offset={len(lines)}&limit=500"
        with urllib.request.urlopen(address, timeout=30) as answer:
            page = json.load(answer)
        lines += [f"{row['rank']}\t{row['member']}\t{row['points']}\n" for row in page["rows"]]
        if len(lines) >= page["total"]:
            return "".join(lines)


async def the_history_is(database: Database, store: Store, channels: list[str]) -> int:
    """Returns, with the number of entries, when every stream is in the history entry by entry."""
    deadline = time.monotonic() + DEADLINE_S
    entries = 0
    for name in channels:
        wanted = entries_of(store.client, name)
        entries += len(wanted)
        while await found(database, name) != wanted:
            assert time.monotonic() < deadline, f"the history has not the {len(wanted)} entries of {name}"
            await asyncio.sleep(0.2)
    rows = await database.fetch("SELECT sum(gaps) AS gaps, bool_or(superseded) AS superseded FROM epochs")
    assert (rows[0]["gaps"], rows[0]["superseded"]) == (0, False)
    assert (await database.fetch("SELECT count(*) AS n FROM entries"))[0]["n"] == entries
    return entries


async def found(database: Database, name: str) -> object:
    try:
        return await kept(database, name)
    except Unavailable:
        return None


@pytest.mark.timeout(900)
async def test_three_aggregators_killed_in_turn(
    tmp_path: Path, valkey_server: Store, history_url: str, three: list[Aggregator], served: GatewayProcess
) -> None:
    publisher = Publisher(valkey_server.url, maxlen=10_000_000)
    stop, kills = asyncio.Event(), 0

    async def kill_in_turn() -> None:
        nonlocal kills
        while not stop.is_set() or kills < len(three):
            await asyncio.sleep(random.uniform(0.3, 2.5))
            index = kills % len(three)
            three[index].kill()
            kills += 1
            three[index] = Aggregator(
                tmp_path / f"aggregator-{index}", valkey_server.url, history__url=history_url, **SETTINGS
            )

    killing = asyncio.create_task(kill_in_turn())
    channels = await publish_recordings(publisher)
    await publish_simulated(publisher, 7, EVENTS)
    channels += [f"match:sim{index}" for index in range(CHANNELS)]
    await publisher.close()
    stop.set()
    await killing

    database = Database(history_url, timeout_s=DEADLINE_S)
    entries = await the_history_is(database, valkey_server, channels)
    counted = await database.fetch(RECOUNT, time.time_ns() // 1_000_000, KEPT_DAYS, SEASON, CUP_ENDS_MS)
    await database.close()
    wanted = {row["board"]: row["reached"] for row in counted}

    def in_store() -> dict[str, str]:
        client = valkey_server.client
        return {
            board: "".join(f"{n}\t{m}\t{p}\t{r}\n" for n, (m, p, r) in enumerate(rows, 1))
            for board in boards_in(client)
            if (rows := stored(client, board))
        }

    deadline = time.monotonic() + DEADLINE_S
    while (have := await asyncio.to_thread(in_store)) != wanted:
        different = sorted(board for board in have.keys() | wanted.keys() if have.get(board) != wanted.get(board))
        logs = "\n".join(one.log_text()[-2000:] for one in three)
        assert time.monotonic() < deadline, f"{different}\n{logs}"
        await asyncio.sleep(0.5)
    for row in counted:
        assert await asyncio.to_thread(board_over_http, served, row["board"]) == row["rows"], row["board"]
    letters = valkey_server.client.xlen("dead:{aggregate}")
    print(f"{entries} entries, {len(counted)} boards, {letters} dead letters, {kills} kills")

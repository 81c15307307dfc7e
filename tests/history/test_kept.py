"""The whole way: what publishers append to a real store is in a real database, exactly once, whatever dies on the way."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.bus.ranges import to_entry
from gateway.history.database import Database
from gateway.history.embedded import EmbeddedPostgres
from gateway.history.errors import Unavailable
from gateway.model.entry import Entry
from gateway.model.names import stream_key
from tests.history.stream import stored, totals
from tests.patience import PATIENCE_S
from tests.stores import Store
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Document, Peer


def entries_of(studio: Studio) -> list[Entry]:
    """What the stream holds."""
    rows: Any = studio.store.xrange(stream_key(studio.channel))
    return [to_entry(entry_id, fields) for entry_id, fields in rows]


async def kept(database: Database, studio: Studio) -> None:
    """Returns when the history is the stream."""
    deadline = time.monotonic() + PATIENCE_S
    wanted = entries_of(studio)
    while (have := await found(database, studio)) != wanted:
        assert time.monotonic() < deadline, f"{len(have)} of {len(wanted)} entries of {studio.channel}"
        await asyncio.sleep(0.05)


async def found(database: Database, studio: Studio) -> list[Entry]:
    """What the history holds; nothing while the aggregator has not made its tables, or the database comes up."""
    try:
        return await stored(database, studio.channel)
    except Unavailable:
        return []


def kill(studio: Studio, count: int) -> None:
    for number in range(count):
        studio.publish({"op": "kill", "actor": f"p{number % 3}", "target": "p9"})


@pytest.fixture
def settings(url: str, valkey_server: Store) -> dict[str, object]:
    """A gateway that keeps history."""
    return {
        "bus__url": valkey_server.url, "history__url": url, "listen__workers": 1, "history__flush_ms": 20,
        "history__stats_every_s": 1,
    }  # fmt: skip


async def test_what_is_published_is_kept(
    settings: dict[str, object], valkey_server: Store, database: Database, tmp_path: Path
) -> None:
    studios = [Studio(valkey_server.url, f"match:{number}") for number in range(3)]
    studios[0].open()
    kill(studios[0], 700)
    with gateway(tmp_path, **settings):
        for studio in studios[1:]:
            studio.open()
            kill(studio, 50)
        studios[0].publish({"op": "end", "winner": "red"})
        for studio in studios:
            await kept(database, studio)
        assert (await totals(database))[(0, "p0", "kills")] == 234 + 17 + 17
    studios[0].open()
    kill(studios[0], 5)
    with gateway(tmp_path / "again", **settings):
        await kept(database, studios[0])
        assert (await totals(database))[(1, "p0", "kills")] == 2
    for studio in studios:
        studio.close()


async def test_a_database_that_is_away_is_not_noticed_and_gets_everything(valkey_server: Store, tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    await server.start()
    studio = Studio(valkey_server.url, "match:7")
    studio.open()
    settings: dict[str, object] = {
        "bus__url": valkey_server.url, "history__url": server.url, "listen__workers": 1, "history__flush_ms": 20,
        "history__backlog_entries": 100,
    }  # fmt: skip
    try:
        with gateway(tmp_path, **settings) as process:
            database = Database(server.url)
            kill(studio, 100)
            await kept(database, studio)
            await database.close()
            os.kill(server.pid or 0, signal.SIGKILL)
            await asyncio.to_thread(watched_live, process, studio)
            process.wait_for_log("history_not_written", PATIENCE_S)
            await server.revive()
            kill(studio, 10)
            database = Database(server.url)
            await kept(database, studio)
            assert sum(t for (_, _, metric), t in (await totals(database)).items() if metric == "kills") == 410
            await database.close()
    finally:
        studio.close()
        await server.stop()


def watched_live(process: GatewayProcess, studio: Studio) -> None:
    """Viewers get everything while the database is away."""
    peer = Peer(process.port).upgrade(f"/v1/live?channel={studio.channel}")
    document = Document()
    document.receive(peer.message())
    kill(studio, 300)
    while document.state["players"]["p9"]["deaths"] < 400:
        document.receive(peer.message())
    assert document.snapshots == 1
    peer.close()


async def test_a_store_that_lost_entries_leaves_no_trace_of_them(
    settings: dict[str, object], valkey_server: Store, database: Database, tmp_path: Path
) -> None:
    studio = Studio(valkey_server.url, "match:9")
    studio.open()
    kill(studio, 200)
    with gateway(tmp_path, **settings) as process:
        await kept(database, studio)
        # As after a failover: the same numbers again, with other content, in one step.
        rows: Any = valkey_server.client.xrange(stream_key(studio.channel))
        survived = rows[:150]
        pipeline = valkey_server.client.pipeline(transaction=True)
        pipeline.delete(stream_key(studio.channel))
        for entry_id, fields in survived:
            pipeline.xadd(stream_key(studio.channel), fields, id=entry_id)
        for _ in range(80):
            pipeline.xadd(
                stream_key(studio.channel),
                {"t": "1", "e": '{"op":"kill","actor":"p5","target":"p6"}'},
                id=f"{studio.epoch}-*",
            )
        pipeline.execute()
        await kept(database, studio)
        assert (await totals(database))[(0, "p5", "kills")] == 80
        assert sum(t for (_, _, metric), t in (await totals(database)).items() if metric == "kills") == 149 + 80
        # The last epoch's end was lost, and the publisher has opened a new one: no entry tells of it by its number.
        pipeline = valkey_server.client.pipeline(transaction=True)
        valkey_server.client.xtrim(stream_key(studio.channel), maxlen=230, approximate=False)
        last = valkey_server.client.xrevrange(stream_key(studio.channel), count=1)[0][0]
        pipeline.xdel(stream_key(studio.channel), last)
        pipeline.xadd(
            stream_key(studio.channel),
            {"t": "2", "e": '{"op":"reset","state":{"status":"live"}}'},
            id=f"{studio.epoch + 1}-*",
        )
        pipeline.execute()
        await kept(database, studio)
        assert (await totals(database))[(0, "p5", "kills")] == 79
        process.wait_for_log("history_reconciled", PATIENCE_S, count=2)
    studio.close()


async def test_aggregators_that_are_killed_lose_and_repeat_nothing(
    settings: dict[str, object], valkey_server: Store, database: Database, tmp_path: Path
) -> None:
    studios = [Studio(valkey_server.url, f"match:k{number}") for number in range(4)]
    for studio in studios:
        studio.open()
    with gateway(tmp_path, **{**settings, "aggregate__lease_s": 1}) as process:
        for round_ in range(3):
            for studio in studios:
                kill(studio, 150)
            pid = int(process.wait_for_log("aggregating", PATIENCE_S, count=round_ + 1)["pid"])
            os.kill(pid, signal.SIGKILL)
        for studio in studios:
            await kept(database, studio)
        kills = sum(t for (_, _, metric), t in (await totals(database)).items() if metric == "kills")
        assert kills == 4 * 3 * 150
    for studio in studios:
        studio.close()

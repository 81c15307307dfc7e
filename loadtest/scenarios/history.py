"""The history's database: storing against psql's own \\copy of the same rows, and pages out of ten million rows.

Postgres, writer and psql share the machine and take turns; the rows of both go into the same table with the same indexes.
There is no gateway: the reader, which in one runs on a worker's loop, runs on the loop of this process, and that one is watched.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from gateway.history.cursors import EventCursor
from gateway.history.database import Database
from gateway.history.embedded import EmbeddedPostgres, programs
from gateway.history.migrate import migrate
from gateway.history.partitions import day_of
from gateway.history.reader import Reader
from gateway.history.scribe import Rows
from gateway.history.writer import Writer
from gateway.model.channel import ChannelLimits
from gateway.model.entry import Entry
from gateway.model.version import Position
from gateway.observe import loop_lag
from loadtest.scenarios.checks import Check, loop_held, own_loop

COPIED = 100_000
BATCH = 5000
"""Entries of one transaction, as the sink takes them."""
ROWS = 10_000_000
PAGES = 5000
PAGE_EVENTS = 100
ROUNDS = 3
COPY_RATIO_MIN = 0.6
PAGE_P99_MAX_MS = 50.0
CHANNEL = "match:bench"
COLUMNS = "epoch_id, seq, day, t_ms, at_ms, digest, events, raw"
FILL = """
INSERT INTO entries SELECT $1, n, $2, $3 + n, $3 + n, n, 1,
    convert_to('{"op":"kill","actor":"p' || n % 10 || '","target":"p' || n % 7 || '"}', 'UTF8')
FROM generate_series($4::bigint, $5::bigint) AS n
"""
FILL_AT_ONCE = 500_000


def run(rows: int = ROWS, copied: int = COPIED, rounds: int = ROUNDS) -> dict[str, Any]:
    """Stores, copies and reads; `checks` says what was missed."""
    with tempfile.TemporaryDirectory(prefix="grandstand-bench-") as directory:
        return uvloop.run(_run(Path(directory), rows, copied, rounds))


async def _run(directory: Path, rows: int, copied: int, rounds: int) -> dict[str, Any]:
    server = EmbeddedPostgres(directory / "postgres")
    await server.start()
    database = Database(server.url, timeout_s=600)
    try:
        await migrate(database)
        pairs = [
            await _copy(server, database, directory / "rows.copy", f"{CHANNEL}-{n}", copied) for n in range(rounds)
        ]
        await _fill(database, rows)
        pages_ms, held = await _pages(database, rows)
    finally:
        await database.close()
        await server.stop()
    ratio = statistics.median(stored / plain for stored, plain in pairs)
    p99_ms = statistics.quantiles(pages_ms, n=100)[98]
    return {
        "scenario": "history",
        "stored_rows_per_s": [round(stored) for stored, _ in pairs],
        "psql_rows_per_s": [round(plain) for _, plain in pairs],
        "rows": rows,
        "page_ms": {"p50": round(statistics.median(pages_ms), 2), "p99": round(p99_ms, 2), "max": round(max(pages_ms), 2)},
        "checks": [
            {
                "name": "storing, of psql's \\copy", "value": round(ratio, 3), "limit": COPY_RATIO_MIN, "at_least": True,
                "passed": ratio >= COPY_RATIO_MIN,
            },
            {
                "name": f"a page of {PAGE_EVENTS} of {rows} rows, p99, ms", "value": round(p99_ms, 2),
                "limit": PAGE_P99_MAX_MS, "passed": p99_ms <= PAGE_P99_MAX_MS,
            },
            held,
        ],
    }  # fmt: skip


async def _copy(
    server: EmbeddedPostgres, database: Database, file: Path, channel: str, count: int
) -> tuple[float, float]:
    """Rows a second of the writer's transactions, and of psql with the very same rows."""
    now_ms = time.time_ns() // 1_000_000
    writer = Writer(database, ChannelLimits())
    scribe = await writer.open(channel)
    took_s = 0.0
    for start in range(0, count, BATCH):
        batch = Rows()
        for seq in range(start, min(start + BATCH, count)):
            event = {"op": "patch", "patch": {"figures": {str(seq % 50): seq}}} if seq else {"op": "reset", "state": {}}
            scribe.note(Entry(Position(1, seq), now_ms, json.dumps(event).encode()), now_ms, batch)
        began_s = time.perf_counter()
        await writer.store(batch, now_ms)
        took_s += time.perf_counter() - began_s
    assert scribe.epoch is not None
    await _psql(server, f"\\copy (SELECT {COLUMNS} FROM entries WHERE epoch_id = {scribe.epoch.id}) TO '{file}'")
    async with database.connection() as connection:
        await connection.execute("TRUNCATE entries, keyframes")
        await connection.execute("CHECKPOINT")
    began_s = time.perf_counter()
    await _psql(server, f"\\copy entries ({COLUMNS}) FROM '{file}'")
    plain_s = time.perf_counter() - began_s
    async with database.connection() as connection:
        await connection.execute("TRUNCATE entries")
        await connection.execute("CHECKPOINT")
    return count / took_s, count / plain_s


async def _psql(server: EmbeddedPostgres, command: str) -> None:
    arguments = [
        str(programs() / "psql"),
        server.url,
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        "SET search_path TO grandstand",
    ]
    await asyncio.to_thread(subprocess.run, [*arguments, "-c", command], check=True)


async def _fill(database: Database, rows: int) -> None:
    """One long channel."""
    began_ms = time.time_ns() // 1_000_000 - rows
    day = day_of(began_ms + rows)
    async with database.connection() as connection:
        channel_id = await connection.fetchval(
            "INSERT INTO channels (name, kind) VALUES ($1, 'match') RETURNING id", CHANNEL
        )
        epoch_id = await connection.fetchval(
            "INSERT INTO epochs (channel_id, epoch, run, last_seq, digest, entry_digest, last_at_ms, events, first_day, "
            "last_day) VALUES ($1, 1, 0, $2, 0, 0, $3, $2, $4, $4) RETURNING id",
            channel_id, rows, began_ms + rows, day,
        )  # fmt: skip
        for start in range(1, rows + 1, FILL_AT_ONCE):
            await connection.execute(FILL, epoch_id, day, began_ms, start, min(start + FILL_AT_ONCE - 1, rows))
        await connection.execute("ANALYZE")


async def _pages(database: Database, rows: int) -> tuple[list[float], Check]:
    """How long random pages of the channel take, and for how long reading them holds the loop."""
    reader, chance, took_ms = Reader(database, ChannelLimits()), random.Random(1), []
    before, watching = own_loop(), asyncio.create_task(loop_lag.watch())
    for _ in range(PAGES):
        after = EventCursor(1, chance.randrange(rows - PAGE_EVENTS), 0)
        loop_lag.passing()
        began_s = time.perf_counter()
        page = await reader.events_after(CHANNEL, after, time.time_ns() // 1_000_000, PAGE_EVENTS)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        assert len(page) == PAGE_EVENTS
    watching.cancel()
    return took_ms, loop_held(before, own_loop())

"""Every read of the history goes by an index: no plan has a sequential scan of what grows."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from gateway.history import matches, reader
from gateway.history.database import SCHEMA, Database
from gateway.history.partitions import drop_expired, make_partitions
from gateway.history.reconcile import reconcile
from gateway.history.stats import refresh
from gateway.history.writer import Writer
from gateway.model.channel import ChannelLimits
from gateway.model.entry import Entry
from gateway.model.version import Position
from tests.history.stream import NOW_MS, write

DAY = "2025-10-09"
FAR = 2**62
READS: dict[str, tuple[str, list[Any]]] = {
    "NEWEST_EPOCHS": (reader.NEWEST_EPOCHS, ["'match:3'", 1]),
    "EPOCHS_FROM": (reader.EPOCHS_FROM, ["'match:3'", 0, 100]),
    "EPOCHS_TO": (reader.EPOCHS_TO, ["'match:3'", FAR, 100]),
    "EPOCHS_BELOW": (reader.EPOCHS_BELOW, ["'match:3'", FAR, 100]),
    "OLDEST_KEPT": (reader.OLDEST_KEPT, ["'match:3'"]),
    "NEXT_EPOCH": (reader.NEXT_EPOCH, ["'match:3'", 1]),
    "ONE_EPOCH": (reader.ONE_EPOCH, ["'match:3'", 1]),
    "SHOWN_AFTER": (reader.SHOWN_AFTER, [3, 5, FAR, f"'{DAY}'", f"'{DAY}'", 100]),
    "SHOWN_BEFORE": (reader.SHOWN_BEFORE, [3, 5, FAR, f"'{DAY}'", f"'{DAY}'", 100]),
    "ENTRIES_AFTER": (reader.ENTRIES_AFTER, [3, 5, f"'{DAY}'", f"'{DAY}'", 200]),
    "COUNT": (reader.COUNT, [3, 0, 5, f"'{DAY}'", f"'{DAY}'"]),
    "LAST_BY_TIME": (reader.LAST_BY_TIME, [3, FAR, f"'{DAY}'", f"'{DAY}'"]),
    "KEYFRAME_AT": (reader.KEYFRAME_AT, [3, 5, f"'{DAY}'", f"'{DAY}'"]),
    "KEYFRAMES_FROM": (reader.KEYFRAMES_FROM, [3, 5, f"'{DAY}'", f"'{DAY}'", 20]),
    "LIST": (matches.LIST, ["'ended'", FAR, 2**31 - 1, 0, 100]),
    "ONE": (matches.ONE, ["'match:3'", FAR]),
    "PLAYERS": (matches.PLAYERS, [3, 0]),
    "TOTALS": (matches.TOTALS, [3, 0]),
    "PAST_POINTS": (matches.PAST_POINTS, [3, 0, 1, 5, -1, -1]),
    "PAST_VOID": (matches.PAST_VOID, [3, 1, 5]),
    "LATE_EVENTS": (matches.LATE_EVENTS, [3, 0, 1, 5]),
    "RECENT": (matches.RECENT, ["'p0'", FAR, 100]),
    "RECENT_TOTALS": (matches.RECENT_TOTALS, ["'p0'", "'{3}'", "'{0}'"]),
    "VIEW_MATCHES": (matches.VIEW_MATCHES, ["'p0'"]),
    "VIEW_TOTALS": (matches.VIEW_TOTALS, ["'p0'"]),
    "VIEW_DUELS": (matches.VIEW_DUELS, ["'p0'", 50]),
    "OLD_MATCHES": (matches.OLD_MATCHES, ["'p0'", FAR]),
    "OLD_TOTALS": (matches.OLD_TOTALS, ["'p0'", FAR]),
    "OLD_DUELS": (matches.OLD_DUELS, ["'p0'", FAR, 50]),
}


def test_every_query_is_here() -> None:
    named = {
        name
        for module in (reader, matches)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and "SELECT" in value
    }
    assert named - {"EPOCHS", "NEWEST_RUN", "VIEW_AGE"} == set(READS)


FILL = """
INSERT INTO channels (name, kind) SELECT 'match:' || n, 'match' FROM generate_series(1, 4000) n;
INSERT INTO epochs (channel_id, epoch, run, last_seq, digest, entry_digest, last_at_ms, events, first_day, last_day)
    SELECT n, 1, 0, 19, 0, 0, 1000 * n, 20, DATE '2025-10-09', DATE '2025-10-09' FROM generate_series(1, 4000) n;
INSERT INTO entries SELECT n, seq, DATE '2025-10-09', 0, 1000 * n + seq, 0, 1, 'x'
    FROM generate_series(1, 4000) n, generate_series(0, 19) seq;
INSERT INTO points SELECT n, seq, DATE '2025-10-09', 'kills', 'p' || (n + seq) % 3000, 1, 0
    FROM generate_series(1, 4000) n, generate_series(0, 19) seq;
INSERT INTO keyframes SELECT n, seq, DATE '2025-10-09', 'x' FROM generate_series(1, 4000) n, generate_series(0, 19) seq;
INSERT INTO voids SELECT n, 3 FROM generate_series(1, 4000) n;
INSERT INTO matches (channel_id, run, match, status, started_ms, updated_ms)
    SELECT n, 0, n::text, (ARRAY['ended', 'live', 'scheduled'])[n % 3 + 1], 1000 * n, 1000 * n FROM generate_series(1, 4000) n;
INSERT INTO match_players
    SELECT n, 0, 'p' || (n + k) % 3000, 'name', 'red' FROM generate_series(1, 4000) n, generate_series(0, 9) k;
INSERT INTO match_totals
    SELECT n, 0, 'p' || (n + k) % 3000, 'kills', 1 FROM generate_series(1, 4000) n, generate_series(0, 9) k;
INSERT INTO match_duels SELECT n, 0, 'p' || (n + k) % 3000, 'p' || (n + k + 1) % 3000, 1
    FROM generate_series(1, 4000) n, generate_series(0, 9) k;
"""
"""Four thousand matches of three thousand players: enough for the planner to do what it would do with many more."""


@pytest.fixture
async def filled(database: Database) -> Database:
    """A history with what the planner knows of it."""
    async with database.connection() as connection:
        await make_partitions(connection, [date(2025, 10, 9)])
        await connection.execute(FILL)
    await refresh(database, NOW_MS)
    async with database.connection() as connection:
        await connection.execute("ANALYZE")
    return database


async def test_every_read_goes_by_an_index(filled: Database) -> None:
    bad = {}
    for name, (query, values) in READS.items():
        written = re.sub(r"\$(\d+)", lambda found, values=values: str(values[int(found[1]) - 1]), query)  # type: ignore[misc]
        plan = "\n".join(row[0] for row in await filled.fetch(f"EXPLAIN {written}"))
        if "Seq Scan" in plan or not re.search(r"Index (Only )?Scan|Bitmap", plan):
            bad[name] = plan
    assert not bad, "\n\n".join(f"{name}\n{plan}" for name, plan in bad.items())


async def test_what_the_writer_reads_goes_by_indexes_too(filled: Database, url: str) -> None:
    """By what the server has counted: stored, taken back behind a void and before one, and found again by another process."""
    before = await scans(filled)
    ours = Database(url)
    stream = [Entry(Position(1, seq), 0, b"x") for seq in range(20)]

    async def read(start: Position | None, end: Position | None, count: int) -> list[Entry]:
        return [e for e in stream if (start is None or e.position >= start) and (end is None or e.position <= end)][
            :count
        ]

    for name in ("match:3", "match:2100"):
        for left in (10, 2):
            stream = stream[:left]
            assert await reconcile(ours, name, stream[-1].position, read, ChannelLimits()) > 0
        stream = [Entry(Position(1, seq), 0, b"x") for seq in range(20)]
        again = [Entry(Position(1, seq), NOW_MS, b'{"op":"kill","actor":"p0","target":"p1"}') for seq in range(2, 30)]
        await write(Writer(ours, ChannelLimits()), name, again, batch=10)
        void = Entry(Position(1, 30), NOW_MS, b'{"op":"void"}')
        await write(Writer(ours, ChannelLimits()), name, [void, Entry(Position(1, 31), NOW_MS, b"y")])
    assert await drop_expired(ours, date(2025, 10, 10), 1) == []
    # What a connection has counted is known when it is closed.
    await ours.close()
    after = await scans(filled)
    assert before.keys() >= {"entries_20251009", "points_20251009", "keyframes_20251009", "epochs", "match_totals"}
    # Tomorrow's partitions, made meanwhile, are empty: nothing is quicker there than to look.
    assert {table: after[table] - count for table, count in before.items() if after[table] != count} == {}


async def scans(database: Database) -> dict[str, int]:
    """Sequential scans of each table that grows, since the server was started."""
    rows = await database.fetch(
        "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = $1 AND relname NOT IN ('stats_refreshed')",
        SCHEMA,
    )
    return {row["relname"]: row["seq_scan"] for row in rows}

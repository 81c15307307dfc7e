"""Every read of the history goes by an index: no plan has a sequential scan of what grows."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from gateway.history import matches, reader
from gateway.history.database import Database
from gateway.history.partitions import make_partitions
from gateway.history.stats import refresh
from tests.history.stream import NOW_MS

DAY = "2025-10-09"
FAR = 2**62
READS: dict[str, tuple[str, list[Any]]] = {
    "NEWEST_EPOCHS": (reader.NEWEST_EPOCHS, ["'match:3'", 1]),
    "EPOCHS_FROM": (reader.EPOCHS_FROM, ["'match:3'", 0, 100]),
    "EPOCHS_TO": (reader.EPOCHS_TO, ["'match:3'", FAR, 100]),
    "EPOCHS_BELOW": (reader.EPOCHS_BELOW, ["'match:3'", FAR, 100]),
    "OLDEST_EPOCH": (reader.OLDEST_EPOCH, ["'match:3'"]),
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

"""Every read of the history goes by an index: no plan has a sequential scan of what grows."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.history import matches, reader
from gateway.history.database import Database
from gateway.history.stats import refresh
from gateway.history.writer import Writer
from tests.history.stream import NOW_MS, Stream, write

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
    "LAST_BY_TIME": (reader.LAST_BY_TIME, [3, FAR, f"'{DAY}'", f"'{DAY}'"]),
    "KEYFRAME_AT": (reader.KEYFRAME_AT, [3, 5, f"'{DAY}'", f"'{DAY}'"]),
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


@pytest.fixture
async def filled(database: Database, writer: Writer) -> Database:
    """Some matches with some players; the planner is told to do without sequential scans where an index will do."""
    for number in range(8):
        stream = Stream()
        stream.open()
        for _ in range(10):
            stream.kill()
        await write(writer, f"match:{number}", stream.entries, batch=20)
    await refresh(database, NOW_MS)
    return database


@pytest.mark.parametrize("name", READS)
async def test_a_read_goes_by_an_index(filled: Database, name: str) -> None:
    query, values = READS[name]
    written = re.sub(r"\$(\d+)", lambda found: str(values[int(found[1]) - 1]), query)
    async with filled.connection() as connection:
        # Small tables are scanned for being small: what matters is whether there is another way.
        await connection.execute("SET enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {written}"))
        await connection.execute("RESET enable_seqscan")
    assert "Seq Scan" not in plan, plan
    assert re.search(r"Index (Only )?Scan|Bitmap", plan) or "One-Time Filter: false" in plan, plan

"""Partitions by day: made ahead for today and tomorrow, dropped whole when they are older than is kept."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateway.history.database import SCHEMA, Database

TABLES = ("entries", "points", "keyframes")
NAME_RE = re.compile(r"(entries|points|keyframes)_(\d{4})(\d{2})(\d{2})")


def day_of(now_ms: int) -> date:
    """The day (UTC) under which something stored now is kept."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).date()


def partition_name(table: str, day: date) -> str:
    """The partition of a table and day."""
    return f"{table}_{day:%Y%m%d}"


async def make_partitions(connection: Any, days: list[date]) -> None:
    """Makes the partitions of these days where they are missing."""
    for day in days:
        for table in TABLES:
            # CREATE … IF NOT EXISTS of two processes at once may still collide: one after the other.
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", table)
                await connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{partition_name(table, day)} "
                    f"PARTITION OF {SCHEMA}.{table} FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
                )


def expired(names: list[str], today: date, keep_days: int) -> list[str]:
    """Those partitions all of whose rows are older than `keep_days` days."""
    oldest = today - timedelta(days=keep_days)
    found = []
    for name in names:
        match = NAME_RE.fullmatch(name)
        if match is not None and date(int(match[2]), int(match[3]), int(match[4])) < oldest:
            found.append(name)
    return found


async def drop_expired(database: Database, today: date, keep_days: int) -> list[str]:
    """Drops old partitions and returns their names. The epochs stay, as they hold the writer's positions.

    Raises:
        Unavailable
    """
    rows = await database.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace WHERE n.nspname = $1",
        SCHEMA,
    )
    names = expired([row["relname"] for row in rows], today, keep_days)
    for name in names:
        async with database.connection() as connection:
            # A reader may hold the table for as long as a page takes; the writer must not queue behind us for longer.
            await connection.execute("SET lock_timeout = '2s'")
            try:
                await connection.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{name}")
            finally:
                await connection.execute("RESET lock_timeout")
    return names

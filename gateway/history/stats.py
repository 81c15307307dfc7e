"""Refreshes the materialized views without blocking their readers, and notes when."""

from __future__ import annotations

from gateway.history.database import Database

REFRESH_TIMEOUT_S = 3600.0
"""For one view, which is made of all matches there are: the time of readers' queries would end every refresh of a large history."""
VIEWS = ("player_matches", "player_totals", "player_duels")
LOCK = 0x73746174
"""One process refreshes at a time; others leave it to that one."""


async def refresh(database: Database, now_ms: int) -> bool:
    """Brings the views to the matches as they are; False where another process is at it.

    Raises:
        Unavailable
    """
    async with database.connection() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            return False
        try:
            for view in VIEWS:
                refreshing = f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}"
                await connection.execute(refreshing, timeout=REFRESH_TIMEOUT_S)
            await connection.execute("UPDATE stats_refreshed SET as_of_ms = $1", now_ms)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)
    return True

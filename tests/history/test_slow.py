"""What takes longer than any query of a reader may: refreshes and migrations have time of their own."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from gateway.history.database import Database
from gateway.history.errors import Unavailable
from gateway.history.migrate import Migration, migrate
from gateway.history.stats import refresh

READERS_S = 1.5
SLOW_S = 3.0
SLOW_VIEW = f"""
DROP MATERIALIZED VIEW grandstand.player_duels;
CREATE MATERIALIZED VIEW grandstand.player_duels AS SELECT 1 AS player, pg_sleep({SLOW_S})::text AS slept;
CREATE UNIQUE INDEX player_duels_key ON grandstand.player_duels (player);
"""


async def test_a_refresh_that_takes_longer_than_readers_may(database: Database, url: str) -> None:
    operator = await asyncpg.connect(url)
    await operator.execute(SLOW_VIEW)
    await operator.close()
    impatient = Database(url, timeout_s=READERS_S)
    with pytest.raises(Unavailable):
        await impatient.fetch("SELECT pg_sleep($1)", SLOW_S)
    assert await refresh(impatient, 7)
    assert (await impatient.fetch("SELECT as_of_ms FROM stats_refreshed"))[0][0] == 7
    await impatient.close()


async def test_migrations_that_take_longer_than_readers_may_and_the_wait_for_them(url: str) -> None:
    slow = [Migration(1, "0001_slow", f"SELECT pg_sleep({SLOW_S}); CREATE TABLE grandstand.made (id integer)")]
    processes = [Database(url, timeout_s=READERS_S) for _ in range(3)]
    applied = await asyncio.gather(*(migrate(one, slow) for one in processes))
    assert sorted(applied) == [[], [], ["0001_slow"]], "one applies, the others wait for it"
    assert await migrate(processes[0], slow) == []
    for one in processes:
        await one.close()

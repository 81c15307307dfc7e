"""Migrations on a real Postgres: each once, whoever starts when; a schema that is not ours is refused and left alone."""

from __future__ import annotations

import asyncio

import pytest

from gateway.history.database import Database
from gateway.history.errors import Unavailable, WrongSchema
from gateway.history.migrate import Migration, migrate, migrations, missing

NAMES = [migration.name for migration in migrations()]
MORE = Migration(9_999, "9999_more", "CREATE TABLE grandstand.more (id integer)")


async def tables(database: Database) -> set[str]:
    return {row[0] for row in await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'grandstand'")}


async def test_each_file_is_applied_once_however_many_start(url: str) -> None:
    first, second = Database(url), Database(url)
    assert await missing(first) == NAMES
    assert sorted(await asyncio.gather(migrate(first), migrate(second))) == [[], NAMES]
    assert await migrate(second) == await missing(second) == []
    assert await migrate(second, [*migrations(), MORE]) == ["9999_more"], "a newer version adds what is new"
    await first.close()
    await second.close()


async def test_a_database_that_is_newer_than_the_program_is_refused(database: Database) -> None:
    await migrate(database, [*migrations(), MORE])
    for asked in (migrate, missing):
        with pytest.raises(WrongSchema, match="9999_more, which this version does not know"):
            await asked(database)


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(database: Database) -> None:
    await database.fetch("UPDATE migrations SET checksum = 'another' WHERE number = 1")
    before = await tables(database)
    with pytest.raises(WrongSchema, match="0001_history was changed after it was applied"):
        await migrate(database, [*migrations(), MORE])
    assert await tables(database) == before, "nothing after it is applied"
    await database.fetch("UPDATE migrations SET checksum = $1 WHERE number = 1", migrations()[0].checksum)
    assert await migrate(database) == [], "whoever refused has let the lock go"


async def test_a_file_that_fails_leaves_nothing_of_itself(database: Database) -> None:
    broken = Migration(9_999, "9999_more", MORE.text + "; SELECT 1 / 0")
    before = await tables(database)
    with pytest.raises(Unavailable, match="DivisionByZero"):
        await migrate(database, [*migrations(), broken])
    assert await tables(database) == before
    assert await migrate(database, [*migrations(), MORE]) == ["9999_more"]

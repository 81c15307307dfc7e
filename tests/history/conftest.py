"""A real Postgres for the tests of a session, and a database of its own for each test."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from gateway.history.database import Database
from gateway.history.embedded import EmbeddedPostgres
from gateway.history.migrate import migrate
from gateway.history.writer import Writer
from gateway.model.channel import ChannelLimits

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server."""
    server = EmbeddedPostgres(Path(tmp_path_factory.mktemp("postgres")))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


async def new_database(postgres_url: str) -> str:
    """The address of a database that is empty."""
    name = f"t{next(NUMBERS)}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return postgres_url.replace("/postgres?", f"/{name}?")


@pytest.fixture
async def url(postgres: EmbeddedPostgres) -> str:
    """An empty database's address."""
    return await new_database(postgres.url)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database with the current schema."""
    database = Database(url)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
def writer(database: Database) -> Writer:
    """A writer into it."""
    return Writer(database, ChannelLimits())

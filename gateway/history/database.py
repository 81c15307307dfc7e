"""Connections to the history's Postgres: a bounded pool that is made when it is first needed, with a time-out on everything.

The one place where the driver is asked; its errors leave as ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from gateway.history.errors import DRIVER_ERRORS, mapped

SCHEMA = "grandstand"
CONNECT_TIMEOUT_S = 3.0
COMMAND_TIMEOUT_S = 30.0
IDLE_S = 60.0


class Database:
    """The database at `url`; connects nowhere yet.

    Args:
        connections: at most so many; who finds all in use waits for his turn, up to `timeout_s`.
        timeout_s: for one command.
    """

    def __init__(self, url: str, connections: int = 4, timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        self._url = url
        self._connections = connections
        self._timeout_s = timeout_s
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Closes the connections."""
        if self._pool is not None:
            # A server that is gone does not answer a polite end.
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await self._pool.close()
            except DRIVER_ERRORS:
                self._pool.terminate()
            self._pool = None

    async def _opened(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=self._connections,
                    timeout=CONNECT_TIMEOUT_S,
                    command_timeout=self._timeout_s,
                    max_inactive_connection_lifetime=IDLE_S,
                    server_settings={"search_path": SCHEMA, "application_name": "grandstand"},
                )
            return self._pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the pool.

        Raises:
            Unavailable: what the driver raised inside, too.
        """
        try:
            pool = await self._opened()
            async with pool.acquire(timeout=self._timeout_s) as connection:
                yield connection
        except DRIVER_ERRORS as error:
            raise mapped(error) from error

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """All rows of a query.

        Raises:
            Unavailable
        """
        async with self.connection() as connection:
            rows: list[Any] = await connection.fetch(query, *arguments)
            return rows

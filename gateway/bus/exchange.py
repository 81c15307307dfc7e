"""Many commands in one write, and one deadline for all their replies: over a connection of the hot path."""

from __future__ import annotations

import asyncio
from typing import Any

import redis.asyncio as redis

from gateway.bus.client import COMMAND_TIMEOUT_S
from gateway.bus.errors import BusError, Unavailable
from gateway.bus.wire import Reader, Wire


class Exchange:
    """One connection to the store that `client` knows; one exchange at a time."""

    def __init__(self, client: redis.Redis, reader: Reader) -> None:
        self._wire = Wire(client, reader, self._take, self._ended)
        self._replies: list[Any] = []
        self._awaited = 0
        self._answered: asyncio.Future[None] | None = None

    async def ask(self, commands: bytes, count: int) -> list[Any]:
        """Sends `count` commands; what the reader made of their replies, in order, an error as a BusError.

        Raises:
            Unavailable, NotPermitted: there is no connection to be had, or it was lost.
        """
        if not self._wire.open:
            await self._wire.connect()
        loop = asyncio.get_running_loop()
        self._replies, self._awaited = [], count
        answered = self._answered = loop.create_future()
        late = loop.call_later(COMMAND_TIMEOUT_S, self._late)
        self._wire.write(commands)
        try:
            await answered
        except asyncio.CancelledError:
            # What comes yet would be taken for the answer to something else.
            self._wire.abort()
            raise
        finally:
            late.cancel()
            self._answered = None
        return self._replies

    def _take(self, replies: list[Any]) -> None:
        self._replies += replies
        self._awaited -= len(replies)
        if not self._awaited:
            self._settle(None)

    def _late(self) -> None:
        # Where the answer came in the same turn, as after this process stood still, the connection is good.
        if self._settle(Unavailable("TimeoutError")):
            self._wire.abort()

    def _ended(self) -> None:
        self._settle(Unavailable("ConnectionError"))

    def _settle(self, error: BusError | None) -> bool:
        """Whether it was awaited still."""
        answered = self._answered
        if answered is None or answered.done():
            return False
        if error is None:
            answered.set_result(None)
        else:
            answered.set_exception(error)
        return True

    async def close(self) -> None:
        """Ends the connection; the next exchange begins with a new one."""
        await self._wire.close()

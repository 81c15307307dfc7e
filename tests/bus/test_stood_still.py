"""A process that stands still, as on a machine that sleeps: what has come meanwhile counts, not the time-out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvloop

from gateway.bus import exchange
from gateway.bus.client import make_client
from gateway.bus.exchange import Exchange
from gateway.bus.wire import AnyReplies, command
from tests.stores import Store

TIME_OUT_S = 0.2
STILL_S = 0.3
"""Longer than the time-out, so that it is due in the same turn as the answer."""


@asynccontextmanager
async def exchange_with(server: Store) -> AsyncIterator[Exchange]:
    client = make_client(server.url, connections=1)
    one = Exchange(client, AnyReplies())
    try:
        yield one
    finally:
        # A loop of uvloop does not end before its connections.
        await one.close()
        await client.aclose()


def test_an_answer_that_lies_in_the_socket_is_not_late(valkey_server: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "COMMAND_TIMEOUT_S", TIME_OUT_S)

    async def main() -> None:
        async with exchange_with(valkey_server) as one:
            connection = await one.ask(command(b"CLIENT", b"ID"), 1)
            for _ in range(3):
                asking = asyncio.ensure_future(one.ask(command(b"CLIENT", b"ID"), 1))
                await asyncio.sleep(0)
                time.sleep(STILL_S)  # noqa: ASYNC251 - that is what is tested
                assert await asking == connection, "the same one"

    uvloop.run(main())


def test_a_store_that_does_not_answer_is_still_given_up(valkey_server: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "COMMAND_TIMEOUT_S", TIME_OUT_S)

    async def main() -> None:
        async with exchange_with(valkey_server) as one:
            assert await one.ask(command(b"PING"), 1) == [b"PONG"]
            valkey_server.freeze()
            with pytest.raises(exchange.Unavailable):
                await one.ask(command(b"PING"), 1)
            valkey_server.thaw()
            # Over a new connection: what the old one would answer yet is nobody's.
            assert await one.ask(command(b"ECHO", b"here"), 1) == [b"here"]

    uvloop.run(main())

"""Leases on a real Valkey: shared, renewed, given back, taken over from who is silent; the generation tells of each change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gateway.aggregate.leases import LEASE_KEY, Leases
from tests.stores import Store

ALL = frozenset(range(4))
TTL_S = 0.3


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def leases(store: Store, opened: AsyncExitStack, member: str, ttl_s: float = 60, history: str = "none") -> Leases:
    made = Leases(store.url, member, ttl_s, history)
    opened.push_async_callback(made.close)
    return made


async def test_what_is_held_is_granted_to_nobody_else(valkey_server: Store, opened: AsyncExitStack) -> None:
    ana, ben = leases(valkey_server, opened, "ana"), leases(valkey_server, opened, "ben")
    assert (await ana.renew(ALL)).granted == dict.fromkeys(ALL, 1)
    assert (await ben.renew(ALL)).granted == {}
    assert (await ana.renew(ALL)).granted == dict.fromkeys(ALL, 1), "renewing is no change"
    assert (await ana.renew(frozenset({0, 1}))).members == {"ana", "ben"}
    assert (await ben.renew(ALL)).granted == {2: 2, 3: 2}, "what was given back has a new generation"


async def test_who_leaves_is_missed_at_once(valkey_server: Store, opened: AsyncExitStack) -> None:
    ana, ben = leases(valkey_server, opened, "ana"), leases(valkey_server, opened, "ben")
    await ana.renew(ALL)
    await ana.leave()
    share = await ben.renew(ALL)
    assert share.members == {"ben"}
    assert share.granted == dict.fromkeys(ALL, 2)


async def test_who_is_silent_loses_all(valkey_server: Store, opened: AsyncExitStack) -> None:
    ana, ben = leases(valkey_server, opened, "ana", TTL_S), leases(valkey_server, opened, "ben")
    await ana.renew(ALL)
    async with asyncio.timeout(20):
        while not (share := await ben.renew(ALL)).granted:
            await asyncio.sleep(0.01)
    assert share.granted == dict.fromkeys(ALL, 2)
    assert (await ana.renew(ALL)).granted == {}, "it hears of it when it comes back"
    assert valkey_server.client.hget(LEASE_KEY, "g:0") == b"2"


async def test_a_generation_that_the_store_has_forgotten_is_outranked_by_who_holds_the_lease(
    valkey_server: Store, opened: AsyncExitStack
) -> None:
    ana, ben = leases(valkey_server, opened, "ana"), leases(valkey_server, opened, "ben")
    await ana.renew(ALL)
    assert await ben.outrank(0, 7) == 0, "it is another's"
    assert await ana.outrank(0, 7) == 8
    assert await ana.outrank(0, 3) == 8, "it is higher already"
    assert (await ana.renew(ALL)).granted[0] == 8
    await leases(valkey_server, opened, "ana", TTL_S).renew(ALL)
    async with asyncio.timeout(20):
        while await ana.outrank(0, 9) != 0:
            await asyncio.sleep(TTL_S)
    assert await ana.outrank(0, 0) == 0, "its lease has expired"


async def test_who_writes_another_history_gets_no_part_until_those_who_live_are_gone(
    valkey_server: Store, opened: AsyncExitStack
) -> None:
    ana, ben = leases(valkey_server, opened, "ana", history="one"), leases(valkey_server, opened, "ben", history="one")
    eve = leases(valkey_server, opened, "eve", history="two")
    await ana.renew(frozenset({0}))
    await ben.renew(frozenset({1}))
    refused = await eve.renew(ALL)
    assert (refused.granted, refused.split) == ({}, "one")
    assert (await ana.renew(frozenset({0}))).members == {"ana", "ben"}, "nothing is left for it"
    await ana.leave()
    assert (await eve.renew(ALL)).split == "one"
    await ben.leave()
    share = await eve.renew(ALL)
    assert (share.members, share.granted.keys(), share.split) == ({"eve"}, ALL, "")
    assert (await ana.renew(ALL)).split == "two", "who comes back is new"


async def test_who_is_silent_holds_up_no_other_history(valkey_server: Store, opened: AsyncExitStack) -> None:
    ana = leases(valkey_server, opened, "ana", TTL_S, "one")
    eve = leases(valkey_server, opened, "eve", history="two")
    await ana.renew(ALL)
    async with asyncio.timeout(20):
        while not (await eve.renew(ALL)).granted:
            await asyncio.sleep(0.01)
    assert valkey_server.client.hget(LEASE_KEY, "h:ana") is None

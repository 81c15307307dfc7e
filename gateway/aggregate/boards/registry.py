"""Which boards there are, in the store: by their last change for who shows them, by name and by match for who lists them.

Owns the keys `boards:…`. All of a partition is listed again when it is taken over; a board that is gone is taken away.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import redis.asyncio as redis

from gateway.aggregate.boards.scripts import FORGET, TOUCH
from gateway.bus.client import guarded
from gateway.bus.errors import BusError
from gateway.bus.scripts import Call, Script, call_many
from gateway.model.boards import (
    LISTED_KEY,
    LISTED_OF_MATCHES_KEY,
    MATCH_PLACES_KEY,
    board_channel,
    board_marks_key,
    expires,
    match_of,
    match_place,
    registry_key,
)
from gateway.model.partitions import partition_of
from gateway.observe.log import logger

AT_ONCE = 500
LOOK_EVERY_S = 2.0
SWEEP_EVERY_S = 60.0

_TOUCH, _FORGET = Script(TOUCH), Script(FORGET)


class Registry:
    """Writes the registries of partitions."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    async def touch(self, boards: Iterable[str]) -> None:
        """These boards have changed; where a key cannot be written, its boards are not listed.

        Raises:
            Unavailable
        """
        by_partition: dict[int, list[str]] = defaultdict(list)
        for board in boards:
            by_partition[partition_of(board_channel(board))].append(board)
        calls = [Call(_TOUCH, [registry_key(number)], names) for number, names in by_partition.items()]
        for answer in await call_many(self._client, calls):
            if isinstance(answer, BusError):
                logger.warning("boards_not_listed", detail=str(answer))
        await self._list([board for names in by_partition.values() for board in names])

    async def changed(self, since_ms: Mapping[int, int]) -> dict[int, dict[str, int]]:
        """The boards of partitions that have changed since then (that moment included), with the time of their change."""
        pipeline = self._client.pipeline(transaction=False)
        for number, since in since_ms.items():
            pipeline.zrangebyscore(registry_key(number), since, "+inf", withscores=True)
        answers = await guarded(pipeline.execute(raise_on_error=False)) if since_ms else []
        found = {}
        for number, answer in zip(since_ms, answers, strict=True):
            if not isinstance(answer, Exception):
                found[number] = {name.decode(): int(changed_ms) for name, changed_ms in answer}
        return found

    async def list_again(self, number: int) -> None:
        """Lists all boards of a partition: one that was changed by an older version, or whose list was lost, is not.

        Raises:
            BusError
        """
        start = 0
        while True:
            found: Any = await guarded(self._client.zrange(registry_key(number), start, start + AT_ONCE - 1))
            await self._list([name.decode() for name in found])
            if len(found) < AT_ONCE:
                return
            start += AT_ONCE

    async def forget_gone(self, number: int, before_ms: int) -> int:
        """Takes away the boards that have expired; their number.

        Args:
            before_ms: those that have changed since are there still.

        Raises:
            BusError
        """
        found: Any = await guarded(self._client.zrange(registry_key(number), "-inf", before_ms, byscore=True))
        old = [name for each in found if expires(name := each.decode())]
        pipeline = self._client.pipeline(transaction=False)
        for name in old:
            pipeline.exists(board_marks_key(name))
        there = await guarded(pipeline.execute()) if old else []
        gone = [name for name, exists in zip(old, there, strict=True) if not exists]
        (answer,) = await call_many(self._client, [Call(_FORGET, [registry_key(number)], [before_ms, *gone])])
        if isinstance(answer, BusError):
            raise answer
        names = [name.decode() for name in answer]
        pipeline = self._client.pipeline(transaction=False)
        for key, places in _places(names).items():
            pipeline.zrem(key, *places)
        await guarded(pipeline.execute())
        return len(names)

    async def _list(self, boards: list[str]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for key, places in _places(boards).items():
            pipeline.zadd(key, dict.fromkeys(places, 0))
        for answer in await guarded(pipeline.execute(raise_on_error=False)):
            if isinstance(answer, Exception):
                logger.warning("boards_not_listed", detail=str(answer))


def _places(boards: Iterable[str]) -> dict[str, list[str]]:
    """Where boards are listed, by key."""
    places: dict[str, list[str]] = defaultdict(list)
    for board in boards:
        match = match_of(board)
        if match is None:
            places[LISTED_KEY].append(board)
        else:
            places[LISTED_OF_MATCHES_KEY].append(board)
            places[MATCH_PLACES_KEY].append(match_place(board, match))
    return places


class Upkeep:
    """Keeps the registries of this process's partitions.

    Args:
        held: the partitions held now.
        kept_ms: how long after their last change boards of matches and windows are there.
        now_ms: the wall clock.
    """

    def __init__(
        self, registry: Registry, held: Callable[[], Iterable[int]], kept_ms: int, now_ms: Callable[[], int]
    ) -> None:
        self._registry = registry
        self._held = held
        self._kept_ms = kept_ms
        self._now_ms = now_ms
        self._listed: set[int] = set()
        self._swept_s = 0.0

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            try:
                await self._look(asyncio.get_running_loop().time())
            except BusError as error:
                logger.info("boards_not_listed", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, now_s: float) -> None:
        held = set(self._held())
        self._listed &= held
        for number in held - self._listed:
            await self._registry.list_again(number)
            self._listed.add(number)
        if now_s - self._swept_s >= SWEEP_EVERY_S:
            for number in held:
                await self._registry.forget_gone(number, self._now_ms() - self._kept_ms)
            self._swept_s = now_s

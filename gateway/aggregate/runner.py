"""The runner: shares the partitions with the other processes, finds channels, and lets every sink's reader read its own.

Phases: heartbeat (leases) -> discovery -> readers; at the end sinks flush, then the leases are given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.aggregate.leases import Leases, Share
from gateway.aggregate.reader import Reader
from gateway.bus.ending import end
from gateway.bus.errors import BusError
from gateway.bus.publisher import Publisher
from gateway.model.partitions import partition_of, share_of
from gateway.observe import metrics
from gateway.observe.log import logger

RENEWALS_OF_TTL = 5
DISCOVER_EVERY_S = 2.0
DISCOVER_SHARE = 20
"""Discovery looks at every key of the store: it takes at most a twentieth of the time."""
FLUSH_S = 3.0


class Runner:
    """One process's part of the work.

    Args:
        publisher: lists the store's channels.
        on_share: told of the partitions held, after each change.

    Attributes:
        held: generation by partition.
        split: the history of those at work, where it is another than this process's: it waits.
    """

    def __init__(
        self,
        leases: Leases,
        publisher: Publisher,
        readers: list[Reader],
        on_share: Callable[[dict[int, int]], None] = lambda _generations: None,
    ) -> None:
        self.readers = readers
        self.held: dict[int, int] = {}
        self.split = ""
        self._leases = leases
        self._publisher = publisher
        self._on_share = on_share
        self._channels: dict[int, set[str]] = {}

    def holds(self, name: str) -> bool:
        """Whether the partition of `name` is this process's now."""
        return partition_of(name) in self.held

    def generation_of(self, name: str) -> int:
        """The generation of the lease under which `name` is this process's; 0 for none."""
        return self.held.get(partition_of(name), 0)

    async def outrank(self, name: str, generation: int) -> bool:
        """Whether `name` is this process's as the store knows it; its lease's generation is higher than that one then.

        Raises:
            BusError
        """
        number = partition_of(name)
        mine = await self._leases.outrank(number, generation)
        if mine and number in self.held:
            self.held[number] = mine
        return bool(mine)

    async def run(self) -> None:
        """Works until cancelled, then flushes and gives the leases back; raises what is a bug of a sink."""
        works = [self._renew_forever(), self._discover_forever()]
        for reader in self.readers:
            works += [reader.run(), reader.sink.run()]
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(*tasks)
            await self._leave()
        for task in done:
            task.result()

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(FLUSH_S):
                await asyncio.gather(*(reader.sink.flush() for reader in self.readers))
        except (TimeoutError, BusError, OSError) as error:
            logger.info("not_flushed", error=type(error).__name__, why="redelivered to the next owner")
        try:
            await self._leases.leave()
        except BusError as error:
            logger.info("leases_not_given_back", error=type(error).__name__)

    @property
    def channels(self) -> set[str]:
        """The channels of the partitions held, as far as they are discovered."""
        return {name for number in self.held for name in self._channels.get(number, ())}

    def channels_held(self) -> list[tuple[int, set[str]]]:
        """The same, by partition."""
        return [(number, self._channels.get(number, set())) for number in self.held]

    def forget(self, name: str) -> None:
        """The channel's stream is about to be deleted: nobody reads it any more."""
        self._channels.get(partition_of(name), set()).discard(name)
        for reader in self.readers:
            reader.forget(name)

    # -- partitions --------------------------------------------------------------------------------------------

    async def _renew_forever(self) -> None:
        loop = asyncio.get_running_loop()
        share, expires_s = Share(), 0.0
        while True:
            asked_s = loop.time()
            try:
                wanted = share_of(self._leases.member, share.members)
                again = await self._leases.renew(wanted)
                self._tell_split(again.split)
                changed = again.members != share.members
                share, expires_s = again, asked_s + self._leases.ttl_s
                self._take(share.granted)
                if changed:
                    logger.info("aggregators", members=len(share.members), partitions=len(share.granted))
                    continue
            except BusError as error:
                logger.info("leases_not_renewed", error=type(error).__name__)
                if loop.time() > expires_s and self.held:
                    self._take({})
            await asyncio.sleep(self._leases.ttl_s / RENEWALS_OF_TTL)

    def _tell_split(self, split: str) -> None:
        before, self.split = self.split, split
        metrics.HISTORY_SPLIT.set(bool(split))
        if split and split != before:
            logger.error(
                "history_split",
                mine=self._leases.history,
                theirs=split,
                why="all aggregators of a store write one history: give every one the same history.url; this one waits",
            )

    def _take(self, granted: dict[int, int]) -> None:
        if granted != self.held:
            self.held = granted
            metrics.PARTITIONS.set(len(granted))
            self._on_share(granted)
            self._tell()

    # -- channels ----------------------------------------------------------------------------------------------

    async def _discover_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                found: dict[int, set[str]] = {}
                async for name in self._publisher.channels():
                    found.setdefault(partition_of(name), set()).add(name)
                self._channels = found
                self._tell()
            except BusError as error:
                logger.info("channels_not_found", error=type(error).__name__)
            await asyncio.sleep(max(DISCOVER_EVERY_S, DISCOVER_SHARE * (loop.time() - began_s)))

    def _tell(self) -> None:
        for reader in self.readers:
            reader.want(self.channels)

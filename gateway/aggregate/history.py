"""The sink that keeps history: notes what it is given, and stores it in batches with the positions it has come to.

While the database is away nothing is kept beyond the backlog: the channels are opened again from their stored positions when it
is back, and the stream still has what came since.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.aggregate.sink import Start
from gateway.bus.base import Bus
from gateway.bus.errors import BusError
from gateway.history.database import Database
from gateway.history.errors import HistoryError, WrongSchema
from gateway.history.migrate import migrate
from gateway.history.partitions import day_of, drop_expired
from gateway.history.reconcile import reconcile
from gateway.history.scribe import Rows, Scribe
from gateway.history.stats import refresh
from gateway.history.writer import Overtaken, Writer
from gateway.model.channel import ChannelLimits
from gateway.model.entry import Entry, entry_digest_of
from gateway.model.names import kind_of
from gateway.model.version import Position
from gateway.observe import metrics
from gateway.observe.log import logger

DERIVED = frozenset({"lobby", "board"})
"""Kinds of channels that are made from others: their past is in those."""
BATCH_ENTRIES = 5000
BATCH_BYTES = 16 * 1024 * 1024
NOTE_AT_ONCE = 100
"""Entries noted before the loop's other tasks have their turn."""
RETRY_S = 1.0
RETENTION_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """How it is done.

    Args:
        flush_ms: how long what was taken waits for more.
        backlog_entries: entries that wait at most.
        keep_days: days that entries are kept.
        stats_every_s: seconds between two refreshes of players' stats.
    """

    flush_ms: int
    backlog_entries: int
    keep_days: int
    stats_every_s: float


@dataclass(slots=True)
class _Taken:
    """A channel's entries in the order they came."""

    channel: str
    entries: list[Entry] = field(default_factory=list)


class HistorySink:
    """Stores.

    Args:
        bus: the reader's, to compare histories.
        again: has a channel opened anew.
        now_ms: the wall clock.
    """

    name = "history"

    def __init__(
        self,
        database: Database,
        bus: Bus,
        limits: ChannelLimits,
        plan: HistoryPlan,
        now_ms: Callable[[], int],
        again: Callable[[str], None],
    ) -> None:
        self.backlog_max = plan.backlog_entries
        self.backlog = 0
        self._database = database
        self._bus = bus
        self._limits = limits
        self._plan = plan
        self._now_ms = now_ms
        self._again = again
        self._writer = Writer(database, limits)
        self._scribes: dict[str, Scribe] = {}
        self._queue: deque[_Taken] = deque()
        self._lost: set[str] = set()
        self._work = asyncio.Event()
        self._writing = asyncio.Lock()
        self._migrated = False

    # -- the runner's side -------------------------------------------------------------------------------------

    def wants(self, channel: str) -> bool:
        """All that was published."""
        return kind_of(channel) not in DERIVED

    async def open(self, channels: Sequence[str]) -> dict[str, Start]:
        """Begins from the stored positions."""
        starts = {}
        try:
            await self._migrate()
            for name in channels:
                if name in self._lost:
                    await self._reconcile(name)
                scribe = await self._writer.open(name)
                self._scribes[name] = scribe
                digest = scribe.epoch.entry_digest if scribe.epoch is not None else None
                starts[name] = Start(scribe.position, digest)
        except (HistoryError, BusError) as error:
            self._failed(error)
        return starts

    async def _migrate(self) -> None:
        if not self._migrated:
            for name in await migrate(self._database):
                logger.info("history_migrated", migration=name)
            self._migrated = True

    def take(self, channel: str, entries: list[Entry]) -> None:
        """Keeps them for the next batch."""
        self._queue.append(_Taken(channel, entries))
        self.backlog += len(entries)
        self._work.set()

    def history_lost(self, channel: str) -> None:
        """What the stream has lost is taken out before the channel is begun again."""
        self._lost.add(channel)
        self.close(channel)

    def close(self, channel: str) -> None:
        """Forgets what was not stored: the next owner reads it again."""
        self._scribes.pop(channel, None)
        kept = deque(taken for taken in self._queue if taken.channel != channel)
        self.backlog -= sum(len(t.entries) for t in self._queue) - sum(len(t.entries) for t in kept)
        self._queue = kept

    # -- writing -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Writes, refreshes and drops what is old until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_forever())
            tasks.create_task(self._refresh_forever())
            tasks.create_task(self._drop_forever())

    async def _write_forever(self) -> None:
        while True:
            await self._work.wait()
            if self.backlog < BATCH_ENTRIES:
                await asyncio.sleep(self._plan.flush_ms / 1000)
            await self.flush()

    async def flush(self) -> None:
        """Stores what was taken, batch by batch."""
        async with self._writing:
            while self._queue:
                await self._store_one()
            self._work.clear()

    async def _store_one(self) -> None:
        rows, noted, channels = Rows(), 0, set[str]()
        try:
            while self._queue and noted < BATCH_ENTRIES and rows.bytes < BATCH_BYTES:
                taken = self._queue.popleft()
                self.backlog -= len(taken.entries)
                noted += len(taken.entries)
                channels.add(taken.channel)
                await self._note(taken, rows)
            if rows.entries:
                with metrics.HISTORY_WRITE.time():
                    await self._writer.store(rows, self._now_ms())
        except (HistoryError, BusError) as error:
            # Whether it was stored is not known: every channel goes on from where the database says.
            self._failed(error)
            for name in channels | {taken.channel for taken in self._queue}:
                self.close(name)
                self._again(name)
            if not isinstance(error, Overtaken):
                await asyncio.sleep(RETRY_S)
            return
        metrics.HISTORY_ENTRIES.inc(len(rows.entries))
        metrics.HISTORY_REFUSED.inc(rows.refused)

    async def _note(self, taken: _Taken, rows: Rows) -> None:
        for start in range(0, len(taken.entries), NOTE_AT_ONCE):
            now_ms = self._now_ms()
            for entry in taken.entries[start : start + NOTE_AT_ONCE]:
                scribe = self._scribes.get(taken.channel)
                if scribe is None:
                    # Closed while its entries were on their way.
                    return
                last = scribe.position
                if (
                    last is not None
                    and entry.position.epoch > last.epoch
                    and not await self._has(taken.channel, scribe)
                ):
                    self._lost.add(taken.channel)
                    raise Overtaken("the stream has lost what was stored of the last epoch")
                scribe.note(entry, now_ms, rows)
            await asyncio.sleep(0)

    async def _has(self, name: str, scribe: Scribe) -> bool:
        """Whether the stream still has the last entry of an epoch that is over, or has trimmed it."""
        last, epoch = scribe.position, scribe.epoch
        assert last is not None
        assert epoch is not None
        found = await self._bus.read(name, last, last, 1)
        if found:
            return entry_digest_of(found[0]) == epoch.entry_digest
        first = await self._bus.read(name, None, None, 1)
        return not first or first[0].position > last

    async def _reconcile(self, name: str) -> None:
        info = await self._bus.tail(name)
        newest = info.last_generated if info is not None else None

        async def read(start: Position | None, end: Position | None, count: int) -> list[Entry]:
            return await self._bus.read(name, start, end, count)

        forgotten = await reconcile(self._database, name, newest, read, self._limits)
        self._lost.discard(name)
        metrics.HISTORY_FORGOTTEN.inc(forgotten)
        logger.warning("history_reconciled", channel=name, forgotten=forgotten)

    def _failed(self, error: Exception) -> None:
        # A database that was killed may come back without its newest commits, tables and partitions among them.
        self._migrated = False
        self._writer.forget()
        metrics.HISTORY_FAILURES.labels(type(error).__name__).inc()
        log = logger.error if isinstance(error, WrongSchema) else logger.info
        log("history_not_written", error=type(error).__name__, why=str(error))

    # -- upkeep ------------------------------------------------------------------------------------------------

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(self._plan.stats_every_s)
            try:
                if self._migrated:
                    await refresh(self._database, self._now_ms())
            except HistoryError as error:
                logger.info("stats_not_refreshed", error=type(error).__name__)

    async def _drop_forever(self) -> None:
        while True:
            if not self._migrated:
                await asyncio.sleep(RETRY_S)
                continue
            try:
                for name in await drop_expired(self._database, day_of(self._now_ms()), self._plan.keep_days):
                    logger.info("history_dropped", partition=name)
            except HistoryError as error:
                logger.info("history_not_dropped", error=type(error).__name__)
            await asyncio.sleep(RETENTION_EVERY_S)


__all__ = ["HistoryPlan", "HistorySink"]

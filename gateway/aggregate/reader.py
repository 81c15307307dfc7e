"""Reads the channels of this process for one sink, by a bus of its own: a slow sink slows its own reading and nobody else's.

Opens channels from the sink's watermarks, gives what a channel had before its stream begins, pauses a channel while the sink's
backlog is full, opens a channel again when its history is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

from gateway.aggregate.sink import Sink, Start
from gateway.bus.base import Bus
from gateway.bus.errors import BusError
from gateway.history.errors import HistoryError
from gateway.model.entry import Entry
from gateway.observe import metrics
from gateway.observe.log import logger

OPEN_AT_ONCE = 64
LOOK_EVERY_S = 0.05
RETRY_S = 1.0
GIVE_ENTRIES = 100
"""Entries of the past that the sink is given at once."""


class Reader:
    """One sink's reading."""

    def __init__(self, bus: Bus, sink: Sink) -> None:
        self.bus = bus
        self.sink = sink
        self._wanted: set[str] = set()
        self._opened: set[str] = set()
        self._paused: dict[str, Entry] = {}
        self._retry_s: dict[str, float] = {}
        self._pasts: dict[str, asyncio.Task[None]] = {}

    # -- what is to be read ------------------------------------------------------------------------------------

    def want(self, channels: set[str]) -> None:
        """These channels are this process's now, and no others."""
        self._wanted = {name for name in channels if self.sink.wants(name)}
        for name in self._opened - self._wanted:
            self._let_go(name)
            self.sink.close(name)

    def forget(self, name: str) -> None:
        """This channel is about to be gone; it is read again if it is wanted again."""
        self._wanted.discard(name)
        if name in self._opened:
            self._let_go(name)
            self.sink.close(name)

    @property
    def behind(self) -> bool:
        """Whether the sink is slower than its channels."""
        return bool(self._paused)

    @property
    def opened(self) -> frozenset[str]:
        """The channels that are read now."""
        return frozenset(self._opened)

    def _let_go(self, name: str) -> None:
        self._opened.discard(name)
        self._paused.pop(name, None)
        if (past := self._pasts.pop(name, None)) is not None:
            past.cancel()
        self.bus.unfollow(name)

    async def run(self) -> None:
        """Opens what is wanted and goes on with what was paused, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._open_some(tasks)
                    self._resume()
                    metrics.AGGREGATE_BACKLOG.labels(self.sink.name).set(self.sink.backlog)
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._pasts.clear()

    async def _open_some(self, tasks: asyncio.TaskGroup) -> None:
        if len(self._opened) == len(self._wanted):
            # None that is not wanted is open.
            return
        now_s = asyncio.get_running_loop().time()
        fresh = (n for n in self._wanted - self._opened if self._retry_s.get(n, 0.0) <= now_s)
        names = list(islice(fresh, OPEN_AT_ONCE))
        if not names:
            return
        starts: dict[str, Start] = {}
        try:
            starts = await self.sink.open(names)
        except (BusError, OSError) as error:
            logger.info("channels_not_opened", sink=self.sink.name, error=type(error).__name__)
        for name in names:
            start = starts.get(name)
            if start is None:
                self._retry_s[name] = now_s + RETRY_S
                continue
            self._retry_s.pop(name, None)
            if name not in self._wanted:
                self.sink.close(name)
                continue
            self._opened.add(name)
            if start.past is None:
                self.bus.follow(name, start.after, self, start.digest)
            else:
                self._pasts[name] = tasks.create_task(self._give_past(name, start, start.past))

    async def _give_past(self, name: str, start: Start, past: AsyncIterator[list[Entry]]) -> None:
        """Gives the sink what came before, at its pace; then the stream is followed."""
        last: Entry | None = None
        try:
            async for entries in past:
                for begin in range(0, len(entries), GIVE_ENTRIES):
                    self.on_entries(name, entries[begin : begin + GIVE_ENTRIES])
                    await asyncio.sleep(0)
                    while name in self._paused:
                        await asyncio.sleep(LOOK_EVERY_S)
                last = entries[-1]
        except (BusError, HistoryError) as error:
            logger.info("past_not_read", channel=name, sink=self.sink.name, why=str(error))
            self._retry_s[name] = asyncio.get_running_loop().time() + RETRY_S
            del self._pasts[name]
            self._let_go(name)
            self.sink.close(name)
            return
        del self._pasts[name]
        if last is not None:
            self.bus.follow(name, last, self)
        else:
            self.bus.follow(name, start.after, self, start.digest)

    def _resume(self) -> None:
        if self._paused and self.sink.backlog * 2 <= self.sink.backlog_max:
            for name, last in self._paused.items():
                if name not in self._pasts:
                    self.bus.follow(name, last, self)
            self._paused.clear()

    # -- bus.Sink ----------------------------------------------------------------------------------------------

    def on_entries(self, channel: str, entries: list[Entry]) -> None:
        """Passes them on; pauses the channel when the sink has enough."""
        if channel not in self._opened:
            return
        self.sink.take(channel, entries)
        metrics.AGGREGATE_ENTRIES.labels(self.sink.name).inc(len(entries))
        if channel in self._opened and self.sink.backlog > self.sink.backlog_max:
            self._paused[channel] = entries[-1]
            self.bus.unfollow(channel)

    def on_confirm_failed(self, channel: str) -> None:
        """Another history: the sink is told, and the channel is opened again."""
        metrics.HISTORIES_LOST.labels(f"aggregate {self.sink.name}").inc()
        logger.warning("history_lost", channel=channel, sink=self.sink.name)
        self._opened.discard(channel)
        self._paused.pop(channel, None)
        self.sink.history_lost(channel)

    def again(self, channel: str) -> None:
        """The sink wants to open this channel anew."""
        if channel in self._opened:
            self._let_go(channel)

    def on_store(self, connected: bool) -> None:
        """The bus comes back by itself."""

    def on_broken(self, channel: str, reason: str) -> None:
        """Tried again by the bus; told once."""
        logger.warning("stream_broken", channel=channel, sink=self.sink.name, reason=reason)

"""Counts points into boards: exactly once, by watermarks that move with the increments; corrects a board when it must.

Told of folded entries by the folding sink; writes several times a second. Owns the streams' states of this process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from gateway.aggregate.boards.care import Care
from gateway.aggregate.boards.ledger import Increment, Ledger, Overtaken
from gateway.aggregate.boards.letters import Letters
from gateway.aggregate.boards.names import Names
from gateway.aggregate.boards.opening import GAP, RECOUNT, TROUBLE, Begin, Opening, Troubles
from gateway.aggregate.boards.past import Past
from gateway.aggregate.boards.stream import Stream
from gateway.aggregate.boards.tally import Counted, count
from gateway.bus.base import Bus, StreamInfo
from gateway.bus.errors import BusError
from gateway.model.boards import NOT_COUNTED, BadPoints, Scopes
from gateway.model.channel import Channel, Folded
from gateway.model.entry import Entry
from gateway.model.names import kind_of
from gateway.model.version import Position
from gateway.observe import metrics
from gateway.observe.log import logger

FLUSH_EVERY_S = 0.1
RECORD_EVERY_S = 2.0
ROUNDS_MAX = 4
WAITING_MAX_S = 10.0
LETTER_ENTRIES = 10
"""A letter that waits is as much of a backlog as so many entries: it has its entry's bytes."""


class Lease(Protocol):
    """Under which lease channels are counted (runner.Runner)."""

    def generation_of(self, name: str) -> int:
        """The lease's generation; 0 for none."""
        ...

    async def outrank(self, name: str, generation: int) -> bool:
        """Whether the lease is held still; its generation is higher than that one then.

        Raises:
            BusError
        """
        ...


class Boards:
    """The boards of this process's channels.

    Args:
        past: what of the channels is in the history.
        again: asks for a channel to be read from where `begin` says.
        max_metrics: metrics of one entry.
        lease: under which corrections are made.
    """

    def __init__(
        self,
        bus: Bus,
        ledger: Ledger,
        past: Past,
        letters: Letters,
        scopes: Scopes,
        now_ms: Callable[[], int],
        again: Callable[[str], None],
        max_metrics: int,
        lease: Callable[[], Lease],
    ) -> None:
        self.streams: dict[str, Stream] = {}
        self.troubles = Troubles()
        self.past = past
        self.opening = Opening(bus, ledger, past, self.troubles)
        self.broken: dict[str, str] = {}
        self._ledger = ledger
        self._letters = letters
        self._scopes = scopes
        self._now_ms = now_ms
        self._again = again
        self._max_metrics = max_metrics
        self._lease = lease
        self._waiting_s: dict[str, float] = {}
        self._recorded: dict[str, str] = {}
        # Streams with something to write, and those of which only the watermark has moved: a flush must not cost what all
        # channels cost.
        self._moving: dict[str, Stream] = {}
        self._quiet: dict[str, Stream] = {}
        self._pending = 0
        self._names = Names(ledger)
        self._documents: dict[str, Channel] = {}
        self._recorded_s = 0.0
        self._care = Care(self, bus, ledger, scopes, now_ms)
        self.writing = asyncio.Lock()

    # -- channels ----------------------------------------------------------------------------------------------

    def counts(self, channel: str) -> bool:
        """Whether points of this channel are counted."""
        return kind_of(channel) not in NOT_COUNTED

    def holds(self, channel: str) -> bool:
        """Whether the channel's partition is this process's now."""
        return self._lease().generation_of(channel) > 0

    async def begin(self, channel: str, info: StreamInfo) -> Begin:
        """Where the channel's folding is to begin.

        Raises:
            BusError
        """
        begin, stream = await self.opening.begin(channel, info)
        if begin.letters:
            await self._letters.take(channel)
        self._moving[channel] = self.streams[channel] = stream
        return begin

    def take(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        """Counts entries; what cannot be counted becomes a dead letter."""
        stream = self.streams[channel.name]
        self._documents[channel.name] = channel
        now_ms = self._now_ms()
        before = len(stream.pending)
        for entry, folded in steps:
            if folded.kind == "duplicate":
                continue
            stream.stamped_ms = max(stream.stamped_ms, min(entry.t_ms or 0, now_ms))
            if folded.gap and not stream.recounts and not self._has(stream, entry.position):
                missing = f"entries between {stream.seen or 'the beginning'} and {entry.position}"
                self.troubles.set(channel.name, GAP, missing)
            counted: Counted | None = None
            if folded.kind == "malformed":
                self._poison(stream, entry, folded.reason)
            else:
                try:
                    counted = count(channel.name, entry, folded, self._scopes, now_ms, self._max_metrics)
                    if counted.reason:
                        self._poison(stream, entry, counted.reason)
                except BadPoints as bad:
                    self._poison(stream, entry, bad.reason)
            stream.take(counted or Counted(entry.position, folded.entry_digest, {}))
        self._pending += len(stream.pending) - before
        (self._quiet if stream.settled else self._moving)[channel.name] = stream

    @staticmethod
    def _has(stream: Stream, position: Position) -> bool:
        known = stream.seen_position
        return known is not None and position <= known

    def _poison(self, stream: Stream, entry: Entry, reason: str) -> None:
        if not self._has(stream, entry.position):
            self._letters.put(stream.channel, entry, reason)

    def lost(self, channel: str) -> None:
        """The stream tells another history."""
        self.close(channel)
        self.opening.recount(channel)

    def recount(self, channel: str) -> None:
        """The channel is to be counted anew, from its beginning."""
        self.lost(channel)
        self._again(channel)

    def ask(self, channel: str, letters: bool) -> None:
        """The same, if nothing of the channel is gone.

        Args:
            letters: its dead letters are tried again.
        """
        self.close(channel)
        self.opening.ask(channel, letters)
        self._again(channel)

    def close(self, channel: str) -> None:
        """The channel is another process's now; what is not written is counted there."""
        stream = self.streams.pop(channel, None)
        if stream is not None:
            self._pending -= len(stream.pending)
        self._moving.pop(channel, None)
        self._quiet.pop(channel, None)
        self.troubles.clear(channel)
        self._documents.pop(channel, None)
        self._recorded.pop(channel, None)
        self._waiting_s.pop(channel, None)

    @property
    def backlog(self) -> int:
        """Entries counted and not yet written."""
        return self._pending + self._letters.waiting * LETTER_ENTRIES

    # -- writing -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Writes until cancelled; a store that is away is waited for."""
        async with asyncio.TaskGroup() as works:
            works.create_task(self._care.mend_forever())
            while True:
                try:
                    await self.flush()
                    await self._care.look()
                except BusError as error:
                    logger.info("boards_not_written", error=type(error).__name__)
                    self._care.soon()
                    await asyncio.sleep(1.0)
                await asyncio.sleep(FLUSH_EVERY_S)

    async def flush(self) -> None:
        """Writes all that is pending.

        Raises:
            Unavailable: the rest is written later, or by another process.
        """
        async with self.writing:
            try:
                await self._flush()
            finally:
                self._pending = sum(len(stream.pending) for stream in self._moving.values())

    async def _flush(self) -> None:
        await self._letters.write()
        await self._introduce()
        for stream in [stream for stream in self._moving.values() if stream.ready]:
            await self._correct(stream)
        changed: set[str] = set()
        for _ in range(ROUNDS_MAX):
            if not await self._add(changed):
                break
        await self._names.tell()
        if changed:
            metrics.BOARDS_WRITTEN.inc(len(changed))
            await self._ledger.registry.touch(changed)
        await self._record()

    async def _introduce(self) -> None:
        """Remembers which boards a stream is going to add to, before it does."""
        fresh = {name: boards for name, stream in self._moving.items() if (boards := stream.unknown())}
        if fresh:
            refused = await self._ledger.record({name: dict.fromkeys(boards, "") for name, boards in fresh.items()})
            self._let_be(refused)
            for name, boards in fresh.items():
                if name in self.streams:
                    self.streams[name].introduced(boards)

    async def _add(self, changed: set[str]) -> bool:
        """One round of increments; whether another one may add what this one could not."""
        streams = [
            stream
            for stream in self._moving.values()
            if stream.pending and not stream.busy and stream.replacement is None and not stream.unknown()
        ]
        goals = {stream.channel: stream.pending[-1].mark for stream in streams}
        asked: list[tuple[Stream, Increment]] = [
            (stream, increment) for stream in streams for increment in stream.increments(self.broken)
        ]
        for stream in streams:
            for board in self._skipped(stream):
                stream.skip(board)
        marks = await self._ledger.apply([increment for _, increment in asked])
        unfinished: dict[str, str] = {}
        for stream, increment in asked:
            mark = marks[increment.board, increment.channel]
            if isinstance(mark, BusError):
                self.break_(increment.board, mark)
                stream.skip(increment.board)
                continue
            said = stream.answered(increment, mark)
            changed.add(increment.board)
            if said != "done" and unfinished.get(stream.channel) != "lost":
                unfinished[stream.channel] = said
        for stream in streams:
            said = unfinished.get(stream.channel, "done")
            if said == "done":
                self._waiting_s.pop(stream.channel, None)
                self._names.learn(self._documents.get(stream.channel), stream.pending)
                stream.wrote(goals[stream.channel])
            elif said == "lost" or self.waited(stream.channel):
                logger.warning("board_lost_updates", channel=stream.channel)
                metrics.HISTORIES_LOST.labels("board").inc()
                self.recount(stream.channel)
        return "again" in unfinished.values()

    def _skipped(self, stream: Stream) -> set[str]:
        """Boards that these entries belong to and that cannot be written now."""
        if not self.broken:
            return set()
        groups = {boards for counted in stream.pending for boards in counted.groups}
        return {board for boards in groups for board in boards if board in self.broken}

    def waited(self, channel: str) -> bool:
        """Whether another process's correction has taken too long to be still at work."""
        now_s = asyncio.get_running_loop().time()
        return now_s - self._waiting_s.setdefault(channel, now_s) > WAITING_MAX_S

    def mend(self, board: str) -> None:
        """The board can be written again."""
        self.broken.pop(board, None)
        metrics.BOARDS_BROKEN.set(len(self.broken))
        logger.info("board_mended", board=board)

    def break_(self, board: str, error: BusError) -> None:
        """The board cannot be written; others go on."""
        if board not in self.broken:
            reason = "wrong_type" if "WRONGTYPE" in str(error) else type(error).__name__
            self.broken[board] = reason
            metrics.BOARDS_BROKEN.set(len(self.broken))
            logger.warning("board_broken", board=board, reason=reason, detail=str(error))

    async def _correct(self, stream: Stream) -> None:
        """Replaces all that the stream has added, on every board, also on those that another process began to add to."""
        marks = await self._ledger.marks_of_stream(stream.channel)
        if self.streams.get(stream.channel) is not stream or not stream.ready:
            return
        stream.introduced(marks.keys() - {"", TROUBLE})
        tallies, mark = stream.correction(self._scopes.is_past)
        token = f"recount {os.urandom(8).hex()}"
        failed: set[str] = set()
        try:
            for board, tally in tallies.items():
                try:
                    generation = self._lease().generation_of(stream.channel)
                    await self._ledger.replace(board, stream.channel, tally, mark, token, generation)
                except BusError as error:
                    if error.temporary:
                        raise
                    self.break_(board, error)
                    failed.add(board)
        except Overtaken as overtaken:
            # Whoever holds the lease corrects; a store that has forgotten generations is told of a higher one.
            mine = await self._lease().outrank(stream.channel, overtaken.generation)
            logger.info("recount_overtaken", channel=stream.channel, again=mine)
            self.recount(stream.channel)
            return
        except BusError:
            # Begun and not finished: from the beginning again, by whoever can.
            self.recount(stream.channel)
            raise
        stream.corrected(tallies, mark, failed)
        if self.streams.get(stream.channel) is stream:
            self.opening.recounted(stream.channel)
            if self.troubles.reasons.get(stream.channel) == RECOUNT:
                self.troubles.clear(stream.channel)
        await self._ledger.registry.touch(tallies)
        logger.info("recount_done", channel=stream.channel, boards=len(tallies), failed=len(failed))

    def _let_be(self, refused: dict[str, BusError]) -> None:
        """Nothing can be remembered of these channels: they are begun again when it can, and are behind until then."""
        for channel, error in refused.items():
            logger.warning("channel_not_counted", channel=channel, why=str(error))
            self.close(channel)
            self._again(channel)

    # -- what is remembered ------------------------------------------------------------------------------------

    async def _record(self) -> None:
        """Remembers the watermarks that have moved: at once where something was counted, else now and then."""
        now_s = asyncio.get_running_loop().time()
        idle = now_s - self._recorded_s > RECORD_EVERY_S
        moved: dict[str, dict[str, str]] = {}
        cleared: list[tuple[str, str]] = []
        if idle:
            self._moving.update(self._quiet)
            self._quiet.clear()
        for channel, stream in list(self._moving.items()):
            if stream.replacement is not None or stream.busy:
                continue
            if not stream.pending:
                stream.confirmed = stream.seen
            known = self._recorded.get(channel)
            if stream.confirmed == known or not stream.confirmed:
                if not stream.pending:
                    del self._moving[channel]
                continue
            boards = stream.changed()
            if not stream.pending and not boards and not idle:
                self._quiet[channel] = self._moving.pop(channel)
                continue
            if boards or idle:
                moved[channel] = {**{board: stream.expected[board] for board in boards}, "": stream.confirmed}
                trouble = self.troubles.reasons.get(channel)
                if trouble:
                    moved[channel][TROUBLE] = trouble
                else:
                    cleared.append((channel, TROUBLE))
        if moved:
            self._let_be(await self._ledger.record(moved, cleared))
            for channel, fields in moved.items():
                if channel in self.streams:
                    self._recorded[channel] = fields[""]
                    self.streams[channel].recorded(fields)
        if idle:
            self._recorded_s = now_s


__all__ = ["Begin", "Boards"]

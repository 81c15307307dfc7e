"""Plays a recording into a channel in real time or faster, as a game server would publish it.

Owns its epoch and its place in the recording; never folds for viewers. The way of a moment: due by the clock, joined
with others that are due, appended exactly once, then reported as progress.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from random import Random
from typing import Protocol

from gateway.bus.errors import Fenced, Unavailable
from gateway.model.version import Position
from gateway.replay.fold import encode_entry, fold_file, reset_event
from gateway.replay.recording import Event, Moment, Recording

# The protocol promises a clock event at least every 5 s; a little less leaves room for the way to the store.
HEARTBEAT_S = 4.0
# What is due at once goes as one entry, up to this much.
MAX_ENTRY_EVENTS = 64
MAX_ENTRY_BYTES = 48 * 1024
# What lies before the start goes as if it had been played: no entry holds more of it than this much of the viewers' time.
MAX_PAST_SPAN_S = 2.0
BACKOFF_FIRST_S = 0.1
BACKOFF_LAST_S = 5.0
# Another publisher that takes the channel again and again is not fought for ever.
MAX_REOPENINGS = 5
REOPENINGS_WINDOW_S = 60.0


# An event that changes nothing; its place in the stream tells whether an entry of unknown fate was taken.
PROBE: Event = {"op": "clock", "patch": {}, "points": {}}


class Publishing(Protocol):
    """What the player needs of the bus's writing side (gateway.bus.publisher.Publisher)."""

    async def append(self, channel: str, epoch: int, events: bytes, t_ms: int) -> Position:
        """Appends an entry; after Unavailable nothing is known of its fate."""

    async def append_idempotent(
        self, channel: str, epoch: int | None, key: str | None, events: bytes, t_ms: int, opens_epoch: bool
    ) -> tuple[Position, bool]:
        """Appends an entry once, however often it is asked with the same key; `opens_epoch` takes the next epoch."""


class Outcome(StrEnum):
    """How a playing ended."""

    FINISHED = "finished"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a playing is."""

    t_ms: int
    duration_ms: int
    moments: int
    events: int
    entries: int
    position: Position
    waiting: bool
    """The store cannot be reached, and is tried again."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a playing did."""

    outcome: Outcome
    progress: Progress
    epochs: tuple[int, ...]
    retries: int


class _Stopped(Exception):
    """`stop` was set."""


class _HistoryLost(Exception):
    """The store gave a number that it had given before: it has lost entries that it had acknowledged."""


async def play(
    recording: Recording,
    publisher: Publishing,
    channel: str,
    speed: float = 1.0,
    on_progress: Callable[[Progress], None] | None = None,
    stop: asyncio.Event | None = None,
    *,
    start_ms: int = 0,
) -> Played:
    """Plays a recording once, in an epoch of its own.

    Args:
        speed: match seconds a second; 0 plays as fast as the store takes it.
        start_ms: everything before this time of the recording is published at once, the rest at `speed`. What is
            published at once is stamped as if it had been played until now, at that speed.
        stop: ends the playing where it is; the match stays open.

    Raises:
        Fenced: another publisher took the channel more often than the player took it back.
        BusError: the store refuses (for an unreachable one the player waits).
    """
    if speed < 0:
        raise ValueError("speed must not be negative")
    playing = _Playing(recording, publisher, channel, on_progress, stop or asyncio.Event())
    return await playing.run(speed, start_ms)


class _Playing:
    """One playing of one recording."""

    def __init__(
        self,
        recording: Recording,
        publisher: Publishing,
        channel: str,
        on_progress: Callable[[Progress], None] | None,
        stop: asyncio.Event,
    ) -> None:
        self._recording = recording
        self._publisher = publisher
        self._channel = channel
        self._on_progress = on_progress
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._key = uuid.uuid4().hex
        self._jitter = Random(self._key)
        self._epochs: list[int] = []
        self._reopened_s: deque[float] = deque(maxlen=MAX_REOPENINGS)
        self._position = Position(0, 0)
        self._keys = self._moments = self._events = self._entries = self._retries = 0
        self._t_ms = 0
        self._waiting = False
        self._clock: Event = {"op": "clock"} | dict(recording.state.get("clock") or {"t_ms": 0, "running": True})
        self._clock_s = 0.0

    async def run(self, speed: float, start_ms: int) -> Played:
        """Opens an epoch and plays to the end, or until stopped."""
        try:
            moments = _Ahead(iter(self._recording.events))
            reset = reset_event(self._recording)
            if start_ms and speed:
                origin_ms = _now_ms()
                await self._open(reset, origin_ms - round(start_ms / speed))
                await self._tell_past(moments, speed, start_ms, origin_ms)
            else:
                await self._open(reset)
            await self._play_moments(moments, speed, start_ms)
        except _Stopped:
            return self._played(Outcome.STOPPED)
        return self._played(Outcome.FINISHED)

    async def _tell_past(self, moments: _Ahead, speed: float, start_ms: int, origin_ms: int) -> None:
        """Sends what lies before the start, each entry with the stamp that it would have had."""
        span_ms = MAX_PAST_SPAN_S * 1000 * speed
        while (following_ms := moments.next_ms()) is not None and following_ms < start_ms:
            taken = moments.take(min(following_ms + span_ms, start_ms - 1))
            await self._send_moments(taken, origin_ms - round((start_ms - taken[-1][0]) / speed))
            await asyncio.sleep(0)
            if self._stop.is_set():
                raise _Stopped

    async def _play_moments(self, moments: _Ahead, speed: float, start_ms: int) -> None:
        # Times are counted from here and never from the moment before, so that delays do not add up.
        origin_s = self._loop.time()
        while (following_ms := moments.next_ms()) is not None:
            now_s = self._loop.time()
            due_s = origin_s + max(0, following_ms - start_ms) / 1000 / speed if speed else origin_s
            if due_s <= now_s:
                until_ms = start_ms + (now_s - origin_s) * 1000 * speed if speed else inf
                await self._send_moments(moments.take(until_ms))
                # An append may not have let the loop turn; whoever stops or watches gets a chance here.
                await asyncio.sleep(0)
            elif self._clock_s + HEARTBEAT_S <= now_s:
                await self._send([self._clock])
            else:
                await self._wait_until(min(due_s, self._clock_s + HEARTBEAT_S))
            if self._stop.is_set() and moments.next_ms() is not None:
                raise _Stopped

    def progress(self) -> Progress:
        """How far it is."""
        return Progress(
            self._t_ms,
            self._recording.duration_ms,
            self._moments,
            self._events,
            self._entries,
            self._position,
            self._waiting,
        )

    def _played(self, outcome: Outcome) -> Played:
        return Played(outcome, self.progress(), tuple(self._epochs), self._retries)

    async def _wait_until(self, time_s: float) -> None:
        try:
            async with asyncio.timeout_at(time_s):
                await self._stop.wait()
        except TimeoutError:
            return

    async def _send_moments(self, moments: list[Moment], stamp_ms: int | None = None) -> None:
        events = [event for _, told in moments for event in told]
        self._moments += len(moments)
        self._t_ms = moments[-1][0]
        await self._send(events, stamp_ms)
        self._report()

    def _report(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.progress())

    async def _send(self, events: list[Event], stamp_ms: int | None = None) -> None:
        """Appends one entry; where the epoch or a part of it is lost, a new one is opened with all that was told."""
        try:
            await self._append(encode_entry(events), stamp_ms)
            self._entries += 1
        except Fenced as fenced:
            self._note_reopening(fenced)
            await self._reopen()
        except _HistoryLost:
            await self._reopen()
        self._events += len(events)
        clocks = [event for event in events if event["op"] == "clock" and "patch" not in event]
        if clocks:
            self._clock = clocks[-1]
            self._clock_s = self._loop.time()

    async def _append(self, raw: bytes, stamp_ms: int | None) -> None:
        """Appends an entry once, through any number of outages; its stamp is the time of the try where none is given."""
        while True:
            t_ms = _now_ms() if stamp_ms is None else stamp_ms
            try:
                self._move_to(await self._publisher.append(self._channel, self._position.epoch, raw, t_ms))
                return
            except Unavailable:
                self._note_outage()
            if_not_taken = self._position.next
            self._move_to(await self._append_once(encode_entry([PROBE]), self._position.epoch, stamp_ms))
            if self._position > if_not_taken:
                return

    def _move_to(self, position: Position) -> None:
        if position <= self._position:
            raise _HistoryLost
        self._position = position

    async def _reopen(self) -> None:
        """Opens a new epoch with the state after all moments told."""
        state = await asyncio.to_thread(fold_file, self._recording, self._moments)
        await self._open(reset_event(self._recording, state))

    async def _append_once(self, raw: bytes, epoch: int | None, stamp_ms: int | None = None) -> Position:
        """Appends under a key, so that it may be asked again; without an epoch the entry opens the next one."""
        key = f"{self._key}-{self._keys}"
        self._keys += 1
        pause_s = BACKOFF_FIRST_S
        while True:
            t_ms = _now_ms() if stamp_ms is None else stamp_ms
            try:
                position, _ = await self._publisher.append_idempotent(
                    self._channel, epoch, key, raw, t_ms, epoch is None
                )
                self._waiting = False
                return position
            except Unavailable:
                self._note_outage()
            await self._wait_until(self._loop.time() + pause_s * self._jitter.uniform(0.5, 1.0))
            if self._stop.is_set():
                raise _Stopped
            pause_s = min(BACKOFF_LAST_S, pause_s * 2)

    async def _open(self, reset: Event, stamp_ms: int | None = None) -> None:
        self._position = await self._append_once(encode_entry([reset]), None, stamp_ms)
        self._epochs.append(self._position.epoch)
        self._entries += 1
        self._clock_s = self._loop.time()

    def _note_outage(self) -> None:
        self._retries += 1
        self._waiting = True
        self._report()

    def _note_reopening(self, fenced: Fenced) -> None:
        now_s = self._loop.time()
        if len(self._reopened_s) == MAX_REOPENINGS and now_s - self._reopened_s[0] < REOPENINGS_WINDOW_S:
            raise fenced
        self._reopened_s.append(now_s)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Ahead:
    """Moments, of which the next one can be looked at."""

    def __init__(self, moments: Iterator[Moment]) -> None:
        self._moments = moments
        self._next = next(moments, None)

    def next_ms(self) -> int | None:
        """The time of the next moment; None at the end."""
        return None if self._next is None else self._next[0]

    def take(self, until_ms: float) -> list[Moment]:
        """The next moment and those after it up to a time, within the bounds of an entry."""
        taken: list[Moment] = []
        events = size_bytes = 0
        while self._next is not None and (not taken or self._next[0] <= until_ms):
            length = len(encode_entry(self._next[1]))
            if taken and (events + len(self._next[1]) > MAX_ENTRY_EVENTS or size_bytes + length > MAX_ENTRY_BYTES):
                break
            taken.append(self._next)
            events += len(self._next[1])
            size_bytes += length
            self._next = next(self._moments, None)
        return taken

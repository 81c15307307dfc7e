"""Follows a channel's stream into a recording file that replays to the same document.

Owns the file and a fold of its own, by which it knows which entries count; only reads from the bus. One recording is
one epoch: it ends with the match, with a new epoch, with a history that the store has lost, or when stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from gateway.bus.base import Bus
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry, entry_digest_of
from gateway.model.errors import ModelError
from gateway.model.rules import ENDED
from gateway.model.version import Position
from gateway.replay.recording import Event, RecordingError
from gateway.replay.sources.grandstand import KIND, VERSION, Header, Writer, recording_file

READ_COUNT = 500


class Ended(StrEnum):
    """Why a recording is complete."""

    MATCH_ENDED = "match ended"
    NEW_EPOCH = "a new epoch began"
    HISTORY_LOST = "the store lost a part of the history"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording holds so far."""

    path: Path
    ended: Ended | None
    moments: int
    events: int
    skipped: int
    duration_ms: int
    position: Position | None


async def record(
    bus: Bus,
    channel: str,
    path: Path,
    on_progress: Callable[[Recorded], None] | None = None,
    stop: asyncio.Event | None = None,
    *,
    from_now: bool = False,
) -> Recorded:
    """Records a channel until its match ends.

    Args:
        bus: connected; its followers are this recorder's own.
        from_now: begins with the document as it is now, not with the beginning of the match.

    Raises:
        RecordingError: there is no such channel, or the file cannot be written.
        BusError: the store refuses to be read.
    """
    with ExitStack() as files:
        recorder = _Recorder(channel, path, on_progress, files)
        await recorder.begin(bus, from_now)
        if not recorder.done.is_set():
            bus.follow(channel, recorder.last, recorder)
            try:
                await _first_of(recorder.done, stop or asyncio.Event())
            finally:
                bus.unfollow(channel)
        if recorder.failure is not None:
            raise recorder.failure
        return recorder.recorded(recorder.ended or Ended.STOPPED)


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class _KeyframeRules(msgspec.Struct):
    """Of a keyframe, which a channel has already read, the name of the rules."""

    rules: str


class _Recorder:
    """The sink of one channel: folds what comes, and writes what the fold took."""

    def __init__(self, name: str, path: Path, on_progress: Callable[[Recorded], None] | None, files: ExitStack) -> None:
        self.done = asyncio.Event()
        self.ended: Ended | None = None
        self.failure: RecordingError | None = None
        self.last: Entry | Position | None = None
        self._name = name
        self._path = path
        self._on_progress = on_progress
        self._files = files
        self._channel = Channel(name, ChannelLimits(), ring=False)
        self._writer: Writer | None = None
        self._rules = "scoreboard"
        self._start_ms: int | None = None
        self._t_ms = self._moments = self._events = self._skipped = 0

    def recorded(self, ended: Ended | None) -> Recorded:
        """What is recorded so far."""
        return Recorded(
            self._path, ended, self._moments, self._events, self._skipped, self._t_ms, self._channel.position
        )

    async def begin(self, bus: Bus, from_now: bool) -> None:
        """Finds the place to begin at, and writes what the stream holds from there."""
        info = await bus.tail(self._name)
        if info is None or info.last_generated is None:
            raise RecordingError(self._name, "there is no such channel")
        if from_now:
            await self._restore(bus, info.first)
            await self._read(bus, info.last_generated.epoch, quiet=True)
            self._open()
            self._note_end_of_match()
        else:
            first = info.first
            if first is None or first > Position(info.last_generated.epoch, 0):
                await self._restore(bus, first)
            if self._channel.position is not None:
                self._open()
            await self._read(bus, info.last_generated.epoch)
        if self._writer is None and not self.done.is_set():
            raise RecordingError(self._name, "the stream no longer holds the beginning, and there is no keyframe")

    # -- the sink's side ---------------------------------------------------------------------------------------

    def on_entries(self, channel: str, entries: list[Entry]) -> None:
        """Entries in their order, as the bus gives them."""
        try:
            for entry in entries:
                if not self.done.is_set():
                    self._take(entry)
            if self._writer is not None:
                self._writer.flush()
        except RecordingError as error:
            self._fail(error)
        if self._on_progress is not None:
            self._on_progress(self.recorded(self.ended))

    def on_confirm_failed(self, channel: str) -> None:
        """The store tells another history than it did: what follows belongs to another match."""
        self._end(Ended.HISTORY_LOST)

    def on_store(self, connected: bool) -> None:
        """The bus reconnects by itself; what it missed comes by `on_entries`."""

    def on_broken(self, channel: str, reason: str) -> None:
        """The stream cannot be read any more."""
        self._fail(RecordingError(channel, f"the stream cannot be read any more ({reason})"))

    # -- inside ------------------------------------------------------------------------------------------------

    async def _restore(self, bus: Bus, first: Position | None) -> None:
        """The newest keyframe that the stream still confirms, if there is one."""
        for frame in await bus.keyframes(self._name):
            try:
                candidate = Channel.from_keyframe(frame, self._name, ChannelLimits(), ring=False)
            except ModelError:
                continue
            position = candidate.position
            if position is None:
                continue
            entries = await bus.read(self._name, position, position, 1)
            trimmed = not entries and first is not None and first > position
            if trimmed or (entries and entry_digest_of(entries[0]) == candidate.keyframe_entry_digest):
                self._channel, self.last = candidate, position
                self._rules = msgspec.msgpack.decode(frame, type=_KeyframeRules).rules
                return

    async def _read(self, bus: Bus, epoch: int, *, quiet: bool = False) -> None:
        start = self._channel.position or Position(epoch, 0)
        while not self.done.is_set():
            entries = await bus.read(self._name, start, None, READ_COUNT)
            if quiet:
                for entry in entries:
                    self._fold(entry)
            else:
                self.on_entries(self._name, entries)
            if len(entries) < READ_COUNT:
                return
            start = entries[-1].position

    def _fold(self, entry: Entry) -> str:
        self.last = entry
        return self._channel.fold(entry, entry.t_ms or 0).kind

    def _take(self, entry: Entry) -> None:
        position = self._channel.position
        if position is not None and entry.position <= position:
            return
        if position is not None and entry.position.epoch > position.epoch:
            self._end(Ended.NEW_EPOCH)
            return
        kind = self._fold(entry)
        if kind == "reset":
            self._rules = str(_events_of(entry)[0].get("rules", self._rules))
            self._start_ms = entry.t_ms
            self._open()
        elif kind == "applied" and self._writer is not None:
            self._write(self._writer, entry, _events_of(entry))
        else:
            self._skipped += 1
        self._note_end_of_match()

    def _note_end_of_match(self) -> None:
        if self._channel.doc.get("status") == ENDED:
            self._end(Ended.MATCH_ENDED)

    def _open(self) -> None:
        doc: dict[str, Any] = self._channel.doc
        match_id = self._name.partition(":")[2]
        title, game = str(doc.get("title", match_id)), str(doc.get("game", "unknown"))
        header = Header(KIND, VERSION, match_id, title, game, doc, self._rules)
        self._writer = self._files.enter_context(recording_file(self._path, header))

    def _write(self, writer: Writer, entry: Entry, events: list[Event]) -> None:
        if self._start_ms is None:
            self._start_ms = entry.t_ms
        if entry.t_ms is not None and self._start_ms is not None:
            self._t_ms = max(self._t_ms, entry.t_ms - self._start_ms)
        writer.moment(self._t_ms, events)
        self._moments += 1
        self._events += len(events)

    def _fail(self, error: RecordingError) -> None:
        self.failure = error
        self.done.set()

    def _end(self, why: Ended) -> None:
        if self.ended is None:
            self.ended = why
            self.done.set()


def _events_of(entry: Entry) -> list[Event]:
    decoded: Any = msgspec.json.decode(entry.raw)
    return decoded if isinstance(decoded, list) else [decoded]

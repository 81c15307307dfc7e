"""The list of matches as a channel of its own: `lobby:matches`, rows by match id, at most once a second, only what changed.

Every process puts its own matches' rows into one key; the process that holds the list's partition makes the document of them.
Its epoch fences: who does not know yet that he lost the partition is refused. A store that came back without some of what was
written gets the whole list in a new epoch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec

from gateway.bus.errors import BusError, Fenced
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, Folded
from gateway.model.entry import Entry
from gateway.model.names import LOBBY, id_of, kind_of
from gateway.model.rules import ENDED
from gateway.model.version import Position
from gateway.observe import metrics
from gateway.observe.log import logger

EVERY_S = 1.0
HEARTBEAT_S = 4.0
ENDED_KEPT_S = 600.0
STALE_KEPT_S = 3600.0
"""A match that was never ended leaves the list when its publisher has been silent for this."""
ROWS_MAX = 2000
PUT_AT_ONCE = 2000
SWEEP_EVERY_S = 5.0
READ_EVERY_S = 30.0
"""How often all rows are read though nobody seems to have put any: a store that came back may have others."""


class Lobby:
    """Puts the rows of this process's matches, and writes the list while it holds the list's partition.

    Args:
        now_ms: the wall clock.
        holds: whether a channel's partition is this process's now.
    """

    def __init__(self, publisher: Publisher, now_ms: Callable[[], int], holds: Callable[[str], bool]) -> None:
        self._publisher = publisher
        self._now_ms = now_ms
        self._holds = holds
        self._changed: dict[str, _Row] = {}
        self._published: dict[str, Any] = {}
        # A row that has not changed is the same object, so that comparing documents costs what has changed.
        self._known: dict[str, tuple[bytes, _Row]] = {}
        self._count: int | None = None
        """Rows were put this often when they were as known; None: they have to be read."""
        self._moved = False
        self._read_ms = self._swept_ms = 0
        self._held = False
        """An epoch was opened here, and nobody has taken the list over since as far as is known."""
        self._last: Position | None = None
        self._last_write_ms = 0

    def on_change(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        """A document has moved."""
        if kind_of(channel.name) == "match" and channel.doc:
            self._changed[id_of(channel.name)] = _Row(channel.published_ms, row_of(channel.doc))

    def on_close(self, channel: str) -> None:
        """Its row is another process's duty."""
        self._changed.pop(id_of(channel), None)

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._put_rows()
                if not self._holds(LOBBY):
                    self._held, self._count = False, None
                elif not self._held:
                    await self._take_over()
                else:
                    await self._write()
            except Fenced:
                logger.info("lobby_refused", why="another writer has a higher epoch")
                self._held = False
            except BusError as error:
                logger.info("lobby_not_written", error=type(error).__name__)

    async def _put_rows(self) -> None:
        """Puts the rows that have changed since the last time."""
        rows = dict(islice(self._changed.items(), PUT_AT_ONCE))
        if not rows:
            return
        raw = {name: msgspec.json.encode(row) for name, row in rows.items()}
        count = await self._publisher.put_rows(LOBBY, raw)
        if self._count is not None and count == self._count + 1:
            # Nobody else has put any: they need not be read.
            self._known.update((name, (raw[name], row)) for name, row in rows.items())
            self._count, self._moved = count, True
        for name, row in rows.items():
            if self._changed.get(name) is row:
                del self._changed[name]

    async def _take_over(self) -> None:
        """Opens an epoch: whoever wrote before is refused from now on."""
        epoch = await self._publisher.new_epoch(LOBBY)
        await self._read()
        await self._sweep()
        self._published = self._document()
        reset = msgspec.json.encode({"op": "reset", "state": self._published})
        self._last_write_ms = self._now_ms()
        self._last = await self._publisher.append(LOBBY, epoch, reset, self._last_write_ms)
        self._held = True

    async def _write(self) -> None:
        if (
            self._now_ms() - self._read_ms >= READ_EVERY_S * 1000
            or await self._publisher.rows_put(LOBBY) != self._count
        ):
            await self._read()
        if self._now_ms() - self._swept_ms >= SWEEP_EVERY_S * 1000:
            await self._sweep()
        document, self._moved = self._document() if self._moved else self._published, False
        patch = difference(self._published, document)
        if patch:
            await self._append({"op": "rows", "patch": patch})
            self._published = document
        elif self._now_ms() - self._last_write_ms >= HEARTBEAT_S * 1000:
            await self._append({"op": "clock", "patch": {"beat_ms": self._now_ms()}})

    async def _append(self, event: dict[str, Any]) -> None:
        assert self._last is not None
        now_ms = self._now_ms()
        last, whole = await self._publisher.append_behind(LOBBY, self._last, msgspec.json.encode(event), now_ms)
        if not whole:
            logger.warning("lobby_lost_entries", after=str(self._last))
            metrics.HISTORIES_LOST.labels("lobby").inc()
            self._held = False
        self._last, self._last_write_ms = last, now_ms

    async def _read(self) -> None:
        """Learns the rows of all processes; what is not a row is taken away."""
        found, count = await self._publisher.rows(LOBBY)
        known: dict[str, tuple[bytes, _Row]] = {}
        broken = []
        for match_id, raw in found.items():
            before = self._known.get(match_id)
            if before is not None and before[0] == raw:
                known[match_id] = before
                continue
            try:
                known[match_id] = raw, _decode(raw)
            except msgspec.DecodeError:
                broken.append(match_id)
        self._known, self._count, self._moved, self._read_ms = known, count, True, self._now_ms()
        if broken:
            await self._publisher.drop_rows(LOBBY, broken)

    async def _sweep(self) -> None:
        """Takes away the rows that are too old."""
        now_ms = self._swept_ms = self._now_ms()
        old = []
        for match_id, (_, row) in self._known.items():
            kept_s = ENDED_KEPT_S if row.row.get("status") == ENDED else STALE_KEPT_S
            if now_ms - row.changed_ms > kept_s * 1000:
                old.append(match_id)
        if old:
            for match_id in old:
                del self._known[match_id]
            self._moved = True
            await self._publisher.drop_rows(LOBBY, old)

    def _document(self) -> dict[str, Any]:
        """The newest rows."""
        known = self._known
        newest = known.keys() if len(known) <= ROWS_MAX else sorted(known, key=lambda name: -known[name][1].changed_ms)
        return {"matches": {match_id: known[match_id][1].row for match_id in sorted(islice(newest, ROWS_MAX))}}


class _Row(msgspec.Struct, frozen=True):
    """A match's row as it is kept between processes."""

    changed_ms: int
    row: dict[str, Any]


_decode = msgspec.json.Decoder(_Row).decode


def row_of(doc: dict[str, Any]) -> dict[str, Any]:
    """A match's row: what a list shows of its document; missing parts are left out."""
    row: dict[str, Any] = {
        name: doc[name] for name in ("title", "game", "status", "winner") if isinstance(doc.get(name), str)
    }
    teams = doc.get("teams")
    if isinstance(teams, dict):
        row["teams"] = {
            team: {name: fields[name] for name in ("name", "score", "order", "color") if name in fields}
            for team, fields in teams.items()
            if isinstance(fields, dict)
        }
    viewers = doc.get("viewers")
    if type(viewers) is int:
        row["viewers"] = viewers
    clock = doc.get("clock")
    if isinstance(clock, dict):
        row["clock"] = {name: clock[name] for name in ("t_ms", "running", "period") if name in clock}
    return row


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The merge patch from one document to another."""
    gone = {key: None for key in old if key not in new}
    changed = {}
    for key, value in new.items():
        before = old.get(key)
        if value is before:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value)
            if inner:
                changed[key] = inner
        elif before != value:
            changed[key] = value
    return {**gone, **changed}


__all__ = ["Lobby", "difference", "row_of"]

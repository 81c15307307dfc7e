"""The list of matches as a channel of its own: `lobby:matches`, rows by match id, at most once a second, only what changed.

One writer at a time: the epoch fences. A process that is refused stands by and takes over when the lobby falls silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.bus.base import Bus
from gateway.bus.errors import BusError, Fenced
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel
from gateway.model.names import LOBBY, id_of, kind_of
from gateway.observe.log import logger

EVERY_S = 1.0
HEARTBEAT_S = 4.0
SILENT_S = 10.0
ENDED_KEPT_S = 600.0
STALE_KEPT_S = 3600.0
"""A match that was never ended leaves the list when its publisher has been silent for this."""
ROWS_MAX = 2000


class Lobby:
    """Keeps the list.

    Args:
        now_ms: the wall clock.
    """

    def __init__(self, publisher: Publisher, bus: Bus, now_ms: Callable[[], int]) -> None:
        self._publisher = publisher
        self._bus = bus
        self._now_ms = now_ms
        self._rows: dict[str, dict[str, Any]] = {}
        self._changed_ms: dict[str, int] = {}
        self._published: dict[str, Any] = {}
        self._epoch: int | None = None
        self._last_write_ms = 0

    def on_change(self, channel: Channel) -> None:
        """A document has moved."""
        if kind_of(channel.name) == "match" and channel.doc:
            match_id = id_of(channel.name)
            self._rows[match_id] = row_of(channel.doc)
            self._changed_ms[match_id] = channel.arrived_ms

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                if self._epoch is None:
                    await self._take_over()
                else:
                    await self._write(self._epoch)
            except Fenced:
                logger.info("lobby_standby", why="another writer has a higher epoch")
                self._epoch = None
                self._last_write_ms = self._now_ms()
            except BusError as error:
                logger.info("lobby_not_written", error=type(error).__name__)

    async def _take_over(self) -> None:
        """Opens an epoch when nobody has written for a while."""
        if await self._others_alive():
            return
        self._epoch = await self._publisher.new_epoch(LOBBY)
        self._published = self._document()
        reset = {"op": "reset", "state": self._published}
        await self._append(self._epoch, reset)

    async def _others_alive(self) -> bool:
        info = await self._bus.tail(LOBBY)
        if info is None or info.last_generated is None:
            return False
        last = await self._bus.read(LOBBY, info.last_generated, None, 1)
        stamped_ms = last[0].t_ms if last else None
        return stamped_ms is not None and self._now_ms() - stamped_ms < SILENT_S * 1000

    async def _write(self, epoch: int) -> None:
        document = self._document()
        patch = difference(self._published, document)
        if patch:
            await self._append(epoch, {"op": "rows", "patch": patch})
            self._published = document
        elif self._now_ms() - self._last_write_ms >= HEARTBEAT_S * 1000:
            await self._append(epoch, {"op": "clock", "patch": {"beat_ms": self._now_ms()}})

    async def _append(self, epoch: int, event: dict[str, Any]) -> None:
        now_ms = self._now_ms()
        await self._publisher.append(LOBBY, epoch, msgspec.json.encode(event), now_ms)
        self._last_write_ms = now_ms

    def _document(self) -> dict[str, Any]:
        now_ms = self._now_ms()
        for match_id, changed_ms in list(self._changed_ms.items()):
            kept_s = ENDED_KEPT_S if self._rows[match_id].get("status") == "ended" else STALE_KEPT_S
            if now_ms - changed_ms > kept_s * 1000:
                del self._changed_ms[match_id], self._rows[match_id]
        newest = sorted(self._rows, key=lambda match_id: -self._changed_ms[match_id])[:ROWS_MAX]
        return {"matches": {match_id: self._rows[match_id] for match_id in sorted(newest)}}


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
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value)
            if inner:
                changed[key] = inner
        elif before != value:
            changed[key] = value
    return {**gone, **changed}


__all__ = ["Lobby", "difference", "row_of"]

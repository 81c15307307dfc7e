"""The native data plane on the worker's event loop: table, fan-out, and who hears of what.

Owns the connection table and the schedule of its slices; a slice never holds the loop longer than its budget.
Never knows what a channel or a message is.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, cast

from gateway.observe import loop_lag
from native.connections import CLOSE_REASONS, Table
from native.fanout import Fanout
from native.frames import Frame

SLICE_US = 1000
SWEEP_INTERVAL_S = 0.05
SWEEP_SLOTS = 4096


Opening = tuple[str, int, int, int, bytes, bytes, bytes | None, bytes | None, bytes | None, bytes | None, bytes | None]
"""What the table tells of a plain opening: "open", connection, tag, kind, target, host, origin, subprotocols, extensions,
authorization, last event id."""


class Viewers(Protocol):
    """What the plane tells about connections."""

    def on_head(self, conn: int, tag: int, head: bytes) -> None: ...
    def on_opening(self, opening: Opening) -> None: ...
    def on_message(self, conn: int, opcode: int, payload: bytes) -> None: ...
    def on_closed(self, conn: int, reason: str) -> None: ...


class Group(Protocol):
    """One audience in one encoding, as the plane sees it."""

    def catch_up(self, group: int, held: int) -> None: ...
    def on_idle(self, group: int) -> None: ...
    def on_members(self) -> None: ...


class Plane:
    """Runs one Table and its Fanout.

    Args:
        table: the connection table; the plane closes it.
        loop: the worker's event loop.
    """

    def __init__(self, table: Table, loop: asyncio.AbstractEventLoop) -> None:
        self.table = table
        self.fanout = Fanout(table)
        self._loop = loop
        self._viewers: Viewers | None = None
        self._groups: dict[int, Group] = {}
        self._running: set[int] = set()
        self._scheduled = False
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self, viewers: Viewers) -> None:
        """Begins to serve; `viewers` hears of heads, messages and closes."""
        self._viewers = viewers
        self._loop.add_reader(self.table.fileno(), self._on_ready)
        self._sweep()

    def stop(self) -> None:
        """Closes every connection at once."""
        if self._closed:
            return
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._loop.remove_reader(self.table.fileno())
        for group in list(self._groups):
            self._groups.pop(group)
        self.table.close_all()

    def open_group(self, group: Group) -> int:
        """A new empty group whose events go to `group`."""
        number = self.table.group_new()
        self._groups[number] = group
        return number

    def close_group(self, number: int) -> None:
        """Frees an empty group."""
        self._groups.pop(number, None)
        self._running.discard(number)
        self.table.group_free(number)

    def send(self, number: int, frame: Frame, from_seq: int, to_seq: int) -> bool:
        """Fans a frame out to the members of group `number` that hold `from_seq`.

        Returns:
            Whether the next one has to wait until `on_idle` is called; a small group takes it at any time.
        """
        waits = self.fanout.start(number, frame, from_seq, to_seq)
        self._began(number, waits)
        return waits

    def send_aside(self, number: int, frame: Frame) -> bool:
        """Fans out a frame that moves no version (tick, status, bye); returns what `send` does."""
        waits = self.fanout.start_aux(number, frame)
        self._began(number, waits)
        return waits

    def _began(self, number: int, waits: bool) -> None:
        """What begins in one turn of the loop goes out together: a burst of calls wakes its readers once, not one by one."""
        if waits:
            self._running.add(number)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._slice)

    def _slice(self) -> None:
        self._scheduled = False
        if self._closed:
            return
        loop_lag.passing()
        more = self.fanout.run(SLICE_US)
        finished = [number for number in self._running if not self.fanout.active(number)]
        for number in finished:
            self._running.discard(number)
        for number in finished:
            group = self._groups.get(number)
            if group is not None:
                group.on_idle(number)
        if (more or self._running) and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._slice)

    def _on_ready(self) -> None:
        loop_lag.passing()
        self._dispatch(self.table.poll(SLICE_US))

    def _dispatch(self, events: list[tuple[object, ...]]) -> None:
        viewers = self._viewers
        assert viewers is not None
        for event in events:
            if event[0] == "open":
                viewers.on_opening(cast(Opening, event))
                continue
            match event:
                case ("head", int(conn), int(tag), bytes(head)):
                    viewers.on_head(conn, tag, head)
                case ("message", int(conn), int(opcode), bytes(payload)):
                    viewers.on_message(conn, opcode, payload)
                case ("behind", int(number), int(held)):
                    group = self._groups.get(number)
                    if group is not None:
                        group.catch_up(number, held)
                case ("closed", int(conn), int(reason)):
                    viewers.on_closed(conn, CLOSE_REASONS.get(reason, "unknown"))
                case _:
                    raise AssertionError(f"unknown event of the connection table: {event[0]!r}")

    def _sweep(self) -> None:
        self._dispatch(self.table.sweep(int(time.monotonic() * 1000), SWEEP_SLOTS))
        for number in self.table.touched():
            group = self._groups.get(number)
            if group is not None:
                group.on_members()
        self._sweeper = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep)

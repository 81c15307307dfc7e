"""Channels that viewers wait for and that do not exist yet: followed on the bus until their first entry lets the viewers in.

Owns who waits for what, within bounds. The bus follows a channel once: while a load looks at the store, and for as long as the
channel is served, following it is its owner's.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.edge.context import Context
from gateway.model.entry import Entry
from gateway.observe import metrics

WAITING_MAX = 65_536
"""Waits of all viewers of a worker: a viewer beyond it asks again by itself."""


class Beginnings:
    """What this worker's viewers wait for (a bus.Sink).

    Args:
        taken: whether a channel is served or being looked for now, so that following it is not for here.

    Attributes:
        on_begun: told that a channel has begun which somebody waits for.
    """

    def __init__(self, context: Context, taken: Callable[[str], bool]) -> None:
        self.on_begun: Callable[[str], None] = lambda _name: None
        self._context = context
        self._taken = taken
        self._waiting: dict[str, dict[int, str | None]] = {}
        self._names: dict[int, set[str]] = {}
        self._followed: set[str] = set()
        self._count = 0

    # -- viewers -----------------------------------------------------------------------------------------------

    def wait(self, name: str, conn: int, since: str | None) -> bool:
        """A viewer waits, and goes on from `since` then; False where as many wait as may."""
        known = self._waiting.get(name)
        if known is None:
            if len(self._waiting) >= self._context.settings.channel.max_awaited:
                return False
            known = self._waiting[name] = {}
            metrics.CHANNELS.labels("awaited").inc()
        if conn not in known:
            if self._count >= WAITING_MAX:
                self._let_go(name)
                return False
            self._count += 1
        known[conn] = since
        self._names.setdefault(conn, set()).add(name)
        self.go_on(name)
        return True

    def waiting(self, name: str) -> list[int]:
        """Who waits for a channel."""
        return list(self._waiting.get(name, ()))

    def awaited(self, conn: int, besides: str) -> int:
        """How many channels a viewer waits for besides that one."""
        names = self._names.get(conn, ())
        return len(names) - (besides in names)

    def waits(self, conn: int, name: str) -> bool:
        """Whether the viewer waits for the channel."""
        return name in self._names.get(conn, ())

    def leave(self, conn: int, name: str) -> str | None:
        """The viewer waits for the channel no more; the version that it would have gone on from."""
        names = self._names.get(conn)
        if names is None or name not in names:
            return None
        names.discard(name)
        if not names:
            del self._names[conn]
        since = self._waiting[name].pop(conn)
        self._count -= 1
        self._let_go(name)
        return since

    def gone(self, conn: int) -> None:
        """The viewer's connection has ended."""
        for name in list(self._names.get(conn, ())):
            self.leave(conn, name)

    def close(self) -> None:
        """Nobody waits any more."""
        for conn in list(self._names):
            self.gone(conn)

    # -- the hub's side ----------------------------------------------------------------------------------------

    def step_aside(self, name: str) -> None:
        """The store is looked at: what comes meanwhile is heard by who loads the channel."""
        if name in self._followed:
            self._followed.discard(name)
            self._context.bus.unfollow(name)

    def go_on(self, name: str) -> None:
        """There was nothing: waiting goes on, from the stream's beginning."""
        if name in self._waiting and name not in self._followed and not self._taken(name):
            self._followed.add(name)
            self._context.bus.follow(name, None, self)

    def begun(self, name: str) -> None:
        """The channel exists."""
        if name in self._waiting:
            self.on_begun(name)

    def _let_go(self, name: str) -> None:
        if not self._waiting[name]:
            del self._waiting[name]
            metrics.CHANNELS.labels("awaited").dec()
            self.step_aside(name)

    # -- the stream's side (bus.Sink) --------------------------------------------------------------------------

    def on_entries(self, channel: str, entries: list[Entry]) -> None:
        """It has begun."""
        self.step_aside(channel)
        self.begun(channel)

    def on_confirm_failed(self, channel: str) -> None:
        """It had begun, and its stream is gone."""
        self._followed.discard(channel)
        self.begun(channel)

    def on_store(self, connected: bool) -> None:
        """After a loss the bus goes on by itself."""

    def on_broken(self, channel: str, reason: str) -> None:
        """The key is no stream; it may become one."""

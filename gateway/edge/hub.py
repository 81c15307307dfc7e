"""The hub: all channels that this worker serves now, who owns each, and when an idle one is let go."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.edge.beginnings import Beginnings
from gateway.edge.context import Context
from gateway.edge.failures import Failure, Unavailable, UnknownChannel
from gateway.edge.links import Links
from gateway.edge.looks import Looks
from gateway.edge.outlet import Outlet
from gateway.edge.seat import Seat
from gateway.model.names import kind_of
from gateway.model.ownership import owner_of

LOOK_EVERY_S = 0.1
"""How often the store is looked at for a channel that was not there: a crowd that is early shares a look."""
UNKNOWN_MAX = 10_000


@dataclass(slots=True)
class _Load:
    """A seat on its way.

    Attributes:
        looking: it has begun to look whether the channel exists.
    """

    task: asyncio.Task[Seat]
    looking: bool = False


class Hub:
    """Opens, moves and closes seats.

    Attributes:
        beginnings: the channels that do not exist yet and that viewers wait for.
        viewers_changed: told of each channel whose viewers have come or gone.
    """

    def __init__(self, context: Context, links: Links) -> None:
        self.beginnings = Beginnings(context, lambda name: name in self._seats or name in self._loading)
        self.viewers_changed: Callable[[str], None] = lambda name: None
        self._context = context
        self._links = links
        self._seats: dict[str, Seat] = {}
        self._loading: dict[str, _Load] = {}
        self._looked_s: dict[str, float] = {}
        self._members: tuple[int, ...] = (context.index,)
        self._looks = Looks(context.loop, self._look_at)

    def close(self) -> None:
        """Closes all seats (after the plane has been stopped)."""
        self._looks.close()
        for load in self._loading.values():
            load.task.cancel()
        self.beginnings.close()
        for seat in self._seats.values():
            seat.close()
        self._seats.clear()
        self._links.close()

    def set_members(self, members: Iterable[int]) -> None:
        """Workers of this machine that serve now; channels move where rendezvous hashing says."""
        self._members = tuple(sorted({*members, self._context.index}))
        for seat in self._seats.values():
            seat.move(self._owner(seat.name))

    def _owner(self, name: str) -> int:
        owner = owner_of(name, self._members)
        assert owner is not None
        return owner

    def ready_outlet(self, name: str, audience: str) -> Outlet | None:
        """The outlet when it can be joined without waiting."""
        seat = self._seats.get(name)
        return seat.ready_outlet(audience) if seat is not None else None

    async def outlet(self, name: str, audience: str, own: bool = False) -> Outlet:
        """The outlet of an audience of a channel, loaded when needed.

        Args:
            own: a sibling asks: this worker reads the store for the channel whatever its own view of the members.

        Raises:
            UnknownChannel, Unavailable
        """
        while (seat := self._seats.get(name)) is None:
            load = self._loading.get(name) or self._load(name, audience, own)
            late = load.looking
            try:
                seat = await asyncio.shield(load.task)
                break
            except UnknownChannel:
                # A look that had begun before this was asked may have been too early.
                if not late:
                    raise
        if own and not seat.owns:
            seat.move(self._context.index)
        seat.needed_s = self._context.loop.time()
        return await seat.outlet(audience)

    def _load(self, name: str, audience: str, own: bool) -> _Load:
        if len(self._seats) + len(self._loading) >= self._context.settings.channel.max_channels:
            raise Unavailable("this worker serves as many channels as it may")
        task = self._context.loop.create_task(self._open(name, audience, own))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        load = self._loading[name] = _Load(task)
        return load

    async def _open(self, name: str, audience: str, own: bool) -> Seat:
        try:
            due_s = self._looked_s.get(name, 0.0) + LOOK_EVERY_S
            if (wait_s := due_s - self._context.loop.time()) > 0:
                await asyncio.sleep(wait_s)
            self._loading[name].looking = True
            self.beginnings.step_aside(name)
            seat = self._seats[name] = await self._look(name, audience, own)
        finally:
            del self._loading[name]
            if name in self._seats:
                self.look_in(self._seats[name], 0)
                self.beginnings.begun(name)
            else:
                self.beginnings.go_on(name)
        return seat

    async def _look(self, name: str, audience: str, own: bool) -> Seat:
        seat = Seat(name, self._context, self._links, self._context.index if own else self._owner(name), self)
        try:
            await seat.load(audience)
        except (Failure, asyncio.CancelledError) as failure:
            seat.close()
            if isinstance(failure, UnknownChannel):
                if len(self._looked_s) >= UNKNOWN_MAX:
                    self._looked_s.clear()
                self._looked_s[name] = self._context.loop.time()
            raise
        self._looked_s.pop(name, None)
        if not own:
            # The members may have changed while the channel was loading.
            seat.move(self._owner(name))
        return seat

    # -- looking at channels when something may be due ---------------------------------------------------------

    def look_in(self, seat: Seat, wait_ms: float) -> None:
        """The seat is to be looked at in so many ms at the latest."""
        self._looks.within(seat, wait_ms)

    def look_at_kind(self, kind: str) -> None:
        """The seats of all channels of a kind are to be looked at now; where they are many, in slices."""
        for seat in self._seats.values():
            if kind_of(seat.name) == kind:
                self.look_in(seat, 0)

    def on_viewers(self, seat: Seat) -> None:
        """Viewers of the seat have come or gone."""
        self.viewers_changed(seat.name)
        seat.idle_s(self._context.loop.time())
        if not seat.watched:
            self.look_in(seat, self._context.settings.channel.idle_unload_s * 1000)

    def _look_at(self, seat: Seat) -> float:
        """Does what is due at a seat, and ends one that nobody has needed for long."""
        if self._seats.get(seat.name) is not seat:
            return math.inf
        left_s = self._context.settings.channel.idle_unload_s - seat.idle_s(self._context.loop.time())
        if not seat.watched and left_s <= 0:
            del self._seats[seat.name]
            seat.close()
            return math.inf
        wait_ms = seat.look(self._context.now_ms())
        return wait_ms if seat.watched else min(wait_ms, left_s * 1000)

    @property
    def seats(self) -> Mapping[str, Seat]:
        """Every channel served now."""
        return self._seats

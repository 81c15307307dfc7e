"""The hub: all channels that this worker serves now, who owns each, and when an idle one is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from gateway.edge.context import Context
from gateway.edge.failures import Failure, Unavailable, UnknownChannel
from gateway.edge.links import Links
from gateway.edge.outlet import Outlet
from gateway.edge.seat import Seat
from gateway.model.ownership import owner_of

BEAT_S = 1.0
BEAT_SLICE_S = 0.001
BEAT_PAUSE_S = 0.005
"""A beat of thousands of channels goes in slices, so that the loop stays free."""

UNKNOWN_TTL_MS = 1000
"""How long an unknown channel is not asked for again: guards the store against a crowd that is early."""
UNKNOWN_MAX = 10_000


class Hub:
    """Opens, moves and closes seats."""

    def __init__(self, context: Context, links: Links) -> None:
        self._context = context
        self._links = links
        self._seats: dict[str, Seat] = {}
        self._loading: dict[str, asyncio.Task[Seat]] = {}
        self._unknown: dict[str, int] = {}
        self._members: tuple[int, ...] = (context.index,)
        self._beating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to beat."""
        self._beating = self._context.loop.create_task(self._beat())

    def close(self) -> None:
        """Closes all seats (after the plane has been stopped)."""
        if self._beating is not None:
            self._beating.cancel()
        for task in self._loading.values():
            task.cancel()
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

    def begun(self, name: str) -> None:
        """A channel exists now that may have been asked for too early."""
        self._unknown.pop(name, None)

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
        seat = self._seats.get(name)
        if seat is None:
            seat = await asyncio.shield(self._load(name, audience, own))
        elif own and not seat.owns:
            seat.move(self._context.index)
        seat.idle_since_ms = None
        return await seat.outlet(audience)

    def _load(self, name: str, audience: str, own: bool) -> asyncio.Task[Seat]:
        task = self._loading.get(name)
        if task is None:
            now_ms = self._context.now_ms()
            if self._unknown.get(name, 0) > now_ms:
                raise UnknownChannel(f"there is no channel {name}")
            if len(self._seats) + len(self._loading) >= self._context.settings.channel.max_channels:
                raise Unavailable("this worker serves as many channels as it may")
            task = self._context.loop.create_task(self._open(name, audience, own))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._loading[name] = task
        return task

    async def _open(self, name: str, audience: str, own: bool) -> Seat:
        seat = Seat(name, self._context, self._links, self._context.index if own else self._owner(name))
        try:
            await seat.load(audience)
        except UnknownChannel:
            if len(self._unknown) >= UNKNOWN_MAX:
                self._unknown.clear()
            self._unknown[name] = self._context.now_ms() + UNKNOWN_TTL_MS
            seat.close()
            raise
        except (Failure, asyncio.CancelledError):
            seat.close()
            raise
        finally:
            self._loading.pop(name, None)
        self._seats[name] = seat
        if not own:
            # The members may have changed while the channel was loading.
            seat.move(self._owner(name))
        return seat

    async def _beat(self) -> None:
        loop = self._context.loop
        while True:
            await asyncio.sleep(BEAT_S)
            until_s = loop.time() + BEAT_SLICE_S
            for seat in list(self._seats.values()):
                if loop.time() > until_s:
                    await asyncio.sleep(BEAT_PAUSE_S)
                    until_s = loop.time() + BEAT_SLICE_S
                if self._seats.get(seat.name) is not seat:
                    continue
                now_ms = self._context.now_ms()
                seat.beat(now_ms)
                self._let_go(seat, now_ms)

    def _let_go(self, seat: Seat, now_ms: int) -> None:
        if seat.viewers:
            seat.idle_since_ms = None
        elif seat.idle_since_ms is None:
            seat.idle_since_ms = now_ms
        elif now_ms - seat.idle_since_ms >= self._context.settings.channel.idle_unload_s * 1000:
            del self._seats[seat.name]
            seat.close()

    @property
    def seats(self) -> Mapping[str, Seat]:
        """Every channel served now."""
        return self._seats

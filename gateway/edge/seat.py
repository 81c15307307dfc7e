"""A channel's seat on this worker: its outlets, and the source that feeds them now (owner or follower).

The outlets, and with them the viewers and what they hold, outlive a change of the source.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from gateway.bus.errors import BusError
from gateway.edge.context import Context
from gateway.edge.failures import Failure, Unavailable, UnknownChannel
from gateway.edge.follower import Follower
from gateway.edge.links import Links
from gateway.edge.outlet import Outlet, Resume
from gateway.edge.owner import Owner
from gateway.model.view import View
from gateway.observe.log import logger

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class House(Protocol):
    """Where the seats are: the hub."""

    def look_in(self, seat: Seat, wait_ms: float) -> None:
        """The seat is to be looked at in so many ms at the latest."""
        ...

    def on_viewers(self, seat: Seat) -> None:
        """Viewers of the seat have come or gone."""
        ...


class Seat:
    """One channel on one worker.

    Args:
        owner: the owning worker's index; this worker's own index makes it the owner.
        house: told of what concerns the seat as a whole.

    Attributes:
        watched: whether it had viewers when that was last asked.
        needed_s: when somebody was last known to need it, by the loop's clock.
    """

    def __init__(self, name: str, context: Context, links: Links, owner: int, house: House) -> None:
        self.name = name
        self.outlets: dict[str, Outlet] = {}
        self.watched = False
        self.needed_s = context.loop.time()
        self._context = context
        self._links = links
        self._house = house
        self._owner = owner
        self._source = self._make_source()
        self._loaded = False
        self._switching: asyncio.Task[None] | None = None

    def _make_source(self) -> Owner | Follower:
        if self._owner == self._context.index:
            return Owner(self.name, self.outlets, self._context, self._make_outlet, self.look_in)
        return Follower(self.name, self.outlets, self._context, self._links, self._owner)

    async def load(self, audience: str) -> None:
        """Starts the first source, for the audience that asks first: a seat of an unknown channel is never kept.

        Raises:
            UnknownChannel, Unavailable
        """
        self._make_outlet(audience)
        try:
            await self._source.start()
        except BusError:
            raise Unavailable("the store cannot be read now") from None
        self._loaded = True

    def ready_outlet(self, audience: str) -> Outlet | None:
        """The audience's outlet when it can be joined at once."""
        outlet = self.outlets.get(audience)
        return outlet if outlet is not None and self._loaded and outlet.view.version is not None else None

    async def outlet(self, audience: str) -> Outlet:
        """The audience's outlet, made on first use.

        Raises:
            UnknownChannel, Unavailable
        """
        outlet = self._make_outlet(audience)
        if outlet.view.version is None:
            await self._source.attach(outlet)
        return outlet

    def _make_outlet(self, audience: str) -> Outlet:
        outlet = self.outlets.get(audience)
        if outlet is None:
            settings = self._context.settings.channel
            known = self._context.audiences[audience]
            view = View(self.name, known, settings.ring_entries, settings.feed_entries)
            outlet = self.outlets[audience] = Outlet(view, known, self._context.plane, self._context.encoder, self)
        return outlet

    def resume(self, outlet: Outlet, since: str) -> Resume:
        """How the source answers a `since` that the outlet's view does not know."""
        return self._source.resume(outlet, since)

    def look_in(self, wait_ms: float) -> None:
        """Asks for a look in so many ms at the latest."""
        self._house.look_in(self, wait_ms)

    def on_viewers(self) -> None:
        """Viewers have come or gone."""
        self._house.on_viewers(self)

    def move(self, owner: int) -> None:
        """The channel has a new owner: changes the source, the viewers stay."""
        if owner == self._owner:
            return
        self._owner = owner
        if self._switching is not None:
            self._switching.cancel()
        self._source.stop()
        self._source = self._make_source()
        self.look_in(0)
        self._switching = self._context.loop.create_task(self._switch())

    async def _switch(self) -> None:
        attempt = 0
        while True:
            try:
                await self._source.start()
                self._loaded = True
                self.look_in(0)
                return
            except (BusError, Failure) as error:
                logger.info("source_not_ready", channel=self.name, role=self._source.role, error=type(error).__name__)
                if isinstance(error, UnknownChannel) and not self._loaded:
                    return
            self._source.stop()
            self._source = self._make_source()
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1

    @property
    def owns(self) -> bool:
        """Whether this worker owns the channel."""
        return self._owner == self._context.index

    @property
    def viewers(self) -> int:
        """Viewers of all audiences."""
        count = 0
        for outlet in self.outlets.values():
            count += outlet.viewers
        return count

    @property
    def people(self) -> int:
        """Viewers of all audiences that are no siblings."""
        count = 0
        for outlet in self.outlets.values():
            count += outlet.people
        return count

    def idle_s(self, now_s: float) -> float:
        """For how long nobody has needed it, as far as was asked."""
        before, self.watched = self.watched, self.viewers > 0
        if before or self.watched:
            self.needed_s = now_s
        return now_s - self.needed_s

    def look(self, now_ms: int) -> float:
        """Does what is due; in how many ms the next look is."""
        return self._source.look(now_ms)

    def close(self) -> None:
        """Ends the source and gives the groups back; only without viewers."""
        if self._switching is not None:
            self._switching.cancel()
        self._source.stop()
        for outlet in self.outlets.values():
            outlet.close()
        self.outlets.clear()

    def report(self) -> Mapping[str, object]:
        """The channel for the admin view."""
        return {
            "channel": self.name,
            "viewers": self.viewers,
            "behind": sum(outlet.behind for outlet in self.outlets.values()),
            "status": next((outlet.status.status for outlet in self.outlets.values()), "live"),
            **self._source.report(),
        }

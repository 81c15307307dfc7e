"""A follower: feeds a channel's outlets from the worker of this machine that owns the channel.

Does to the owner what viewers do: one snapshot, then deltas whose `from` is the version held, else it asks again.
Owns nothing but the subscriptions on its links; the owner's bytes are passed on as they came.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

from gateway.edge.context import Context
from gateway.edge.failures import Failure, Unavailable, UnknownChannel
from gateway.edge.inquiry import Inquiry
from gateway.edge.link import Link
from gateway.edge.links import Links
from gateway.edge.outlet import HOLD, Outlet, Resume
from gateway.model.errors import BadVersion
from gateway.model.messages import Delta, ErrorCode, ErrorMessage, ServerMessage, Snapshot, Status, Tick
from gateway.model.version import Version
from gateway.observe import metrics
from native.untrack import untrack

FIRST_MESSAGE_TIMEOUT_S = 5.0


class Follower:
    """Follows `owner` (a worker's index) for every outlet of a channel."""

    role = "follower"

    def __init__(self, name: str, outlets: dict[str, Outlet], context: Context, links: Links, owner: int) -> None:
        self.name = name
        self.owner = owner
        self._outlets = outlets
        self._context = context
        self._links = links
        self._following: dict[str, _Following] = {}
        self._stopped = False

    async def start(self) -> None:
        """Begins to follow for every outlet there is.

        Raises:
            UnknownChannel, Unavailable: the owner says so, or does not answer.
        """
        metrics.CHANNELS.labels("follower").inc()
        await asyncio.gather(*(self.attach(outlet) for outlet in self._outlets.values()))

    def stop(self) -> None:
        """Ends following; the outlets keep what they show."""
        if not self._stopped:
            self._stopped = True
            metrics.CHANNELS.labels("follower").dec()
            for following in self._following.values():
                following.stop()
            self._following.clear()

    async def attach(self, outlet: Outlet) -> None:
        """Follows for one outlet; returns when the owner has answered."""
        following = self._following.get(outlet.audience.name)
        if following is None:
            following = _Following(self.name, outlet, self._links, self.owner, self._context.loop)
            self._following[outlet.audience.name] = following
        try:
            await asyncio.wait_for(asyncio.shield(following.seeded), FIRST_MESSAGE_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable("the channel's owner does not answer") from None
        except Failure:
            # What the owner does not know yet it may know later: the next one asks again.
            if self._following.get(outlet.audience.name) is following:
                del self._following[outlet.audience.name]
                following.stop()
            raise

    def resume(self, outlet: Outlet, since: str) -> Resume:
        """A version that the view does not know is ahead of this worker, or the owner knows how to go on from it."""
        try:
            version = Version.parse(since)
            head = Version.parse(outlet.view.version or "")
        except BadVersion:
            return Resume("snapshot", reason="bad_version")
        if version.position > head.position:
            return HOLD
        following = self._following.get(outlet.audience.name)
        if following is None or outlet.audience.delay_ms:
            return Resume("snapshot", reason="too_old_or_other")
        return following.resume(since, head)

    def look(self, now_ms: int) -> float:
        """Does what is due: holds that waited too long. Status and ticks come from the owner.

        Returns:
            In how many ms the next look is due.
        """
        return min((outlet.expire_holds(now_ms) for outlet in self._outlets.values()), default=math.inf)

    def report(self) -> Mapping[str, object]:
        """The channel for the admin view."""
        versions = {name: outlet.view.version for name, outlet in self._outlets.items()}
        return {"role": self.role, "owner": self.owner, "versions": versions, "errors": []}


class _Following:
    """One audience's subscription on a link."""

    def __init__(self, channel: str, outlet: Outlet, links: Links, owner: int, loop: asyncio.AbstractEventLoop) -> None:
        audience = outlet.audience.name
        self._channel = channel
        self._outlet = outlet
        self._links = links
        self._link: Link = links.to(owner, audience)
        self._inquiry = Inquiry(channel, links, lambda: links.to(owner, audience, "inquire"), outlet.settle_holds)
        self.seeded: asyncio.Future[None] = loop.create_future()
        # A failure that nobody waits for is not an error of its own.
        self.seeded.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._link.watch(channel, self)

    @property
    def since(self) -> str | None:
        return self._outlet.view.version

    def resume(self, since: str, head: Version) -> Resume:
        """From `since`, which the view has never had, by what the owner says of it.

        Its answer may lead to a version that the view has passed or has not reached; two deltas are then a chain.
        """
        view = self._outlet.view
        if self._inquiry.answered(since):
            delta = self._inquiry.delta(since)
            if delta is None:
                return Resume("snapshot", reason="too_old_or_other")
            if delta.version == view.version:
                return Resume("delta", (delta,))
            rest = view.delta_since(delta.version)
            if rest is not None:
                return Resume("delta", (delta, rest))
            if Version.parse(delta.version).position > head.position:
                return HOLD
        return HOLD if self._inquiry.ask(since) else Resume("snapshot", reason="too_many_versions")

    def stop(self) -> None:
        self._inquiry.stop()
        self._link.unwatch(self._channel)
        self._links.release(self._link)
        self.seeded.cancel()

    def on_message(self, message: ServerMessage, payload: bytes) -> None:
        outlet = self._outlet
        match message:
            case Snapshot():
                outlet.view.replace(message.state, message.version, message.feed)
                outlet.status = Status(channel=self._channel, status=message.status, behind_ms=0)
                outlet.advanced(None)
            case Delta() if message.from_ == outlet.view.version:
                delta = outlet.view.receive(message)
                untrack(outlet.view.doc, delta.patch)
                outlet.advanced(delta, payload)
            case Delta() if message.version == outlet.view.version:
                return
            case Delta():
                metrics.RESYNCS.inc()
                self._link.again(self._channel)
                return
            case Tick() if message.version == outlet.view.version:
                outlet.tell(message)
            case Tick():
                self._link.again(self._channel)
                return
            case Status():
                outlet.set_status(message)
            case ErrorMessage():
                self._fail(message)
                return
            case _:
                return
        if not self.seeded.done() and outlet.view.version is not None:
            self.seeded.set_result(None)

    def _fail(self, message: ErrorMessage) -> None:
        if not self.seeded.done():
            failure: Failure = Unavailable("the channel's owner cannot serve it now")
            if message.code is ErrorCode.UNKNOWN_CHANNEL:
                failure = UnknownChannel(f"there is no channel {self._channel}")
            self.seeded.set_exception(failure)

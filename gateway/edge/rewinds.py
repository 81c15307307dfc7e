"""The viewers of this worker that see the past: a task each, as they are few and bounded. Hands each over to the live channel.

The past of a channel that is in the history alone ends with the status `ended`.

A viewer that reads slowly gets less and larger messages: nothing is sent before the connection has taken what came before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gateway.bus.errors import BusError
from gateway.edge.context import Context
from gateway.edge.encoding import Encoding
from gateway.edge.failures import Failure, NotFound, RewindUnavailable, Unavailable, UnknownChannel
from gateway.edge.hub import Hub
from gateway.edge.moments import Moment
from gateway.edge.outlet import Outlet
from gateway.edge.past import Past
from gateway.history.reader import Arrived
from gateway.model.entry import entry_digest_of
from gateway.model.messages import Status
from gateway.model.rewind import Rewind
from gateway.model.rules import ENDED
from gateway.observe import metrics
from gateway.observe.log import logger

BEAT_S = 0.05
"""The shortest time between two messages."""
STATUS_EVERY_MS = 1000
LOW_WATER = 100
HOLD_MS = 5000
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Who rewinds: the connection, how it reads, and what it may see."""

    conn: int
    encoding: Encoding
    audience: str


class Rewinds:
    """All rewinds of a worker.

    Args:
        tell: tells a viewer of a failure.
        over: a viewer has come to the end of a channel that is not live: told who, of what, and the version held.
    """

    def __init__(
        self,
        context: Context,
        hub: Hub,
        past: Past,
        tell: Callable[[int, Encoding, Failure, str], None],
        over: Callable[[int, str, str], None],
    ) -> None:
        self._context = context
        self._hub = hub
        self._past = past
        self._tell = tell
        self._over = over
        self._tasks: dict[int, dict[str, asyncio.Task[None]]] = {}

    @property
    def viewers(self) -> int:
        """Rewinds under way."""
        return sum(len(tasks) for tasks in self._tasks.values())

    def counts(self) -> Counter[str]:
        """Viewers by channel."""
        return Counter(name for tasks in self._tasks.values() for name in tasks)

    def begin(self, viewer: Seen, name: str, moment: Moment) -> None:
        """Begins, or begins elsewhere.

        Raises:
            RewindUnavailable: as many rewind as may.
        """
        self.end(viewer.conn, name)
        if self.viewers >= self._context.settings.rewind.max_viewers:
            raise RewindUnavailable("as many viewers see the past as may")
        task = self._context.loop.create_task(self._run(viewer, name, moment))
        self._tasks.setdefault(viewer.conn, {})[name] = task
        metrics.REWINDS.inc()
        metrics.REWINDING.set(self.viewers)
        task.add_done_callback(lambda done: self._done(viewer, name, done))

    def end(self, conn: int, name: str | None = None) -> None:
        """Ends a connection's rewind of a channel, or all of its rewinds."""
        tasks = self._tasks.get(conn, {})
        for task in [tasks[name]] if name in tasks else list(tasks.values()) if name is None else []:
            task.cancel()
        if name is None:
            self._tasks.pop(conn, None)
        elif name in tasks:
            self._forget(conn, name, tasks[name])
        metrics.REWINDING.set(self.viewers)

    def close(self) -> None:
        """Ends all."""
        for conn in list(self._tasks):
            self.end(conn)

    def _done(self, viewer: Seen, name: str, task: asyncio.Task[None]) -> None:
        self._forget(viewer.conn, name, task)
        metrics.REWINDING.set(self.viewers)
        if not task.cancelled() and (error := task.exception()) is not None:
            metrics.BUGS.inc()
            logger.error("rewind_failed", exc_info=error)
            self._tell(viewer.conn, viewer.encoding, Failure(), name)

    def _forget(self, conn: int, name: str, task: asyncio.Task[None]) -> None:
        tasks = self._tasks.get(conn)
        if tasks is not None and tasks.get(name) is task:
            del tasks[name]
            if not tasks:
                del self._tasks[conn]

    # -- one viewer --------------------------------------------------------------------------------------------

    async def _run(self, viewer: Seen, name: str, moment: Moment) -> None:
        context = self._context
        audience = context.audiences[viewer.audience]
        try:
            # A channel that this worker cannot serve live is not shown from the past either, unless it is past as a whole.
            await self._outlet(name, viewer)
            channel, at_ms = await self._past.begin(name, moment, audience.delay_ms)
            now_ms = context.now_ms()
            rewind = Rewind(channel, audience, moment.speed, at_ms, now_ms, context.settings.channel.feed_entries)
            since = await self._play(viewer, rewind, audience.delay_ms)
            outlet = await self._outlet(name, viewer)
            if outlet is None:
                await self._end(viewer, name, since)
                return
        except BusError:
            self._tell(viewer.conn, viewer.encoding, Unavailable("the past cannot be read now"), name)
            return
        except Failure as failure:
            self._tell(viewer.conn, viewer.encoding, failure, name)
            return
        outlet.join(viewer.conn, viewer.encoding, since, context.now_ms(), HOLD_MS)

    async def _outlet(self, name: str, viewer: Seen) -> Outlet | None:
        """The channel as it is now; None where it is in the history alone."""
        try:
            return await self._hub.outlet(name, viewer.audience)
        except UnknownChannel:
            return None

    async def _end(self, viewer: Seen, name: str, version: str | None) -> None:
        """There is no live channel to go on with.

        Raises:
            NotFound: the past has a hole.
        """
        if version is None:
            raise NotFound("what came next is not kept any more", "at")
        frame = self._context.encoder.frame(Status(name, ENDED, 0), viewer.encoding)
        while not self._context.plane.table.send(viewer.conn, frame):
            await asyncio.sleep(BEAT_S)
        self._over(viewer.conn, name, version)

    async def _play(self, viewer: Seen, rewind: Rewind, delay_ms: int) -> str | None:
        """Tells the past until it is the present; the version to go on from, None where the past has a hole."""
        context, table = self._context, self._context.plane.table
        early: list[Arrived] = []
        status_ms = 0
        while True:
            tail = False
            if rewind.waiting < LOW_WATER and not early:
                early = await self._next(rewind)
                tail = not early
            now_ms = context.now_ms()
            visible = [one for one in early if one.at_ms <= now_ms - delay_ms]
            for one in visible:
                rewind.add(one.entry, one.at_ms)
            early = early[len(visible) :]
            message = rewind.unsent()
            if message is None or table.send(viewer.conn, context.encoder.frame(message, viewer.encoding)):
                version = rewind.sent()
                if not rewind.waiting and (tail or early):
                    return version
                if now_ms - status_ms >= STATUS_EVERY_MS:
                    status_ms = now_ms
                    table.send(viewer.conn, context.encoder.frame(rewind.status(now_ms), viewer.encoding))
                if not rewind.advance(now_ms):
                    return None
            due_ms = rewind.next_due_ms(now_ms)
            await asyncio.sleep(max(BEAT_S, min(due_ms or 0, STATUS_EVERY_MS) / 1000))

    async def _next(self, rewind: Rewind) -> list[Arrived]:
        """What comes after what the rewind has; a store that is away is waited for."""
        while True:
            digest = entry_digest_of(rewind.last_entry) if rewind.last_entry is not None else None
            try:
                return await self._past.entries(rewind.channel.name, rewind.position, digest)
            except BusError as error:
                logger.info("past_not_readable", channel=rewind.channel.name, error=type(error).__name__)
            await asyncio.sleep(RETRY_S)

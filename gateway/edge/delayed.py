"""Delayed audiences of an owned channel: what they must not see yet waits here and is flushed when it is due.

An outlet that joins late starts from what was known `delay` ago as far as this worker can tell, never from anything newer.
"""

from __future__ import annotations

import asyncio

from gateway.edge.context import Context
from gateway.edge.outlet import Outlet
from gateway.model.channel import Channel, Folded
from gateway.model.delay import DelayQueue, Waiting
from gateway.model.patch import apply
from gateway.model.version import Version, mix

EMPTY = "0-0.00000000"
"""The version of a delayed audience that may not see anything yet."""


class DelayedFlush:
    """One channel's delayed audiences.

    Queues run from the moment the channel is loaded, whether anybody watches or not: what was shown when cannot be known
    afterwards.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._queues = {
            name: DelayQueue(audience.delay_ms, max_events=context.settings.channel.feed_entries)
            for name, audience in context.audiences.items()
            if audience.delay_ms
        }
        self._outlets: dict[str, Outlet] = {}
        self._timer: asyncio.TimerHandle | None = None

    def restart(self) -> None:
        """Forgets what waits: the history is read anew."""
        for queue in self._queues.values():
            queue.pop(1 << 62)

    def push(self, folded: Folded, channel: Channel, arrived_ms: int) -> None:
        """One folded entry, or the state that loading began with."""
        if not self._queues:
            return
        assert channel.position is not None
        for name, queue in self._queues.items():
            audience = self._context.audiences[name]
            version = str(Version(channel.position, mix(channel.digest, audience.key)))
            if folded.opened:
                feed = audience.project_events(list(channel.feed))
                queue.push_state(arrived_ms, version, audience.project_doc(channel.doc), feed)
            else:
                events = audience.project_events(folded.events)
                queue.push(arrived_ms, version, audience.project_patch(folded.patch), events)
        self._schedule()

    def begin(self, channel: Channel) -> None:
        """Loading starts over from this channel's state (a keyframe's)."""
        self.restart()
        for name, queue in self._queues.items():
            audience = self._context.audiences[name]
            version = str(Version(channel.position, mix(channel.digest, audience.key))) if channel.position else EMPTY
            feed = audience.project_events(list(channel.feed))
            queue.push_state(channel.arrived_ms, version, audience.project_doc(channel.doc), feed)

    def seed(self, outlet: Outlet) -> None:
        """Connects an outlet; it shows what is due by now, or an empty document when nothing is."""
        self._outlets[outlet.audience.name] = outlet
        self._flush_one(outlet)
        if outlet.view.version is None:
            outlet.view.replace({}, EMPTY, [])
            outlet.advanced(None)
        self._schedule()

    def stop(self) -> None:
        """Ends flushing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._outlets.clear()

    def _schedule(self) -> None:
        if self._timer is not None or not self._outlets:
            return
        due = [due_ms for queue in self._queues.values() if (due_ms := queue.next_due_ms) is not None]
        if due:
            wait_ms = max(self._context.settings.pace.min_interval_ms, min(due) - self._context.now_ms())
            self._timer = self._context.loop.call_later(wait_ms / 1000, self._flush)

    def _flush(self) -> None:
        self._timer = None
        for outlet in self._outlets.values():
            self._flush_one(outlet)
        self._schedule()

    def _flush_one(self, outlet: Outlet) -> None:
        due = self._queues[outlet.audience.name].pop(self._context.now_ms())
        versions = [waiting.version for waiting in due]
        if outlet.view.version in versions:
            # A new owner reads again what the old one has shown already.
            due = due[versions.index(outlet.view.version) + 1 :]
        states = [number for number, waiting in enumerate(due) if waiting.doc is not None]
        if states:
            self._replace(outlet, due[states[-1] :])
            return
        last = None
        for waiting in due:
            last = outlet.view.advance(waiting.patch, waiting.events, waiting.skipped, waiting.version) or last
        if last is not None:
            # Once for all that is due by now: the outlet sends it as one.
            outlet.advanced(last)

    @staticmethod
    def _replace(outlet: Outlet, due: list[Waiting]) -> None:
        """Shows a new state and what followed it as one."""
        doc, feed = due[0].doc, list(due[0].feed)
        for waiting in due:
            doc = apply(doc, waiting.patch)
            feed += waiting.events
        outlet.view.replace(doc or {}, due[-1].version, feed)
        outlet.advanced(None)

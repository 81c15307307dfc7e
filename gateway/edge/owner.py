"""The owner of a channel: reads the stream, folds it, paces it and flushes it to the channel's outlets.

Phases: load (keyframe + tail) -> follow -> fold -> flush at the pace; start over when the store tells another history.
Owns the full document; only reads the store. A user's channel is empty before anything was posted into it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from gateway.access.tokens import USER_KIND
from gateway.bus.errors import BusError, NoSuchStream
from gateway.bus.loading import load
from gateway.edge.context import Context
from gateway.edge.delayed import DelayedFlush
from gateway.edge.failures import UnknownChannel
from gateway.edge.keepers import keeper_of
from gateway.edge.outlet import Outlet, Resume
from gateway.edge.pending import Pending
from gateway.edge.resuming import NOTHING, between, lookup, resume
from gateway.model.channel import Channel, Folded
from gateway.model.entry import Entry
from gateway.model.lag import LAGGING_MS, Lag
from gateway.model.messages import Status
from gateway.model.names import kind_of
from gateway.model.pace import Pace
from gateway.model.rules import ENDED
from gateway.model.version import Version, mix
from gateway.observe import gathered, metrics
from gateway.observe.log import logger
from native.untrack import untrack

PACE_TOLD_MS = 1000
"""A flush tells of the status as well; where none comes for so long, viewers are told that the pace has made a channel lag."""

RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Owner:
    """Feeds a channel's outlets from its stream.

    Args:
        name: the channel.
        outlets: the channel's outlets by audience name, shared with whoever holds the channel.
        make_outlet: makes the outlet of an audience that has none yet.
        look_in: asks for a look in so many ms at the latest.
    """

    role = "owner"

    def __init__(
        self,
        name: str,
        outlets: dict[str, Outlet],
        context: Context,
        make_outlet: Callable[[str], Outlet],
        look_in: Callable[[float], None],
    ) -> None:
        self.name = name
        self._make_outlet = make_outlet
        self._look_in = look_in
        self._outlets = outlets
        self._context = context
        self._channel: Channel | None = None
        self._pending = Pending(context.settings.channel.feed_entries)
        self._pace = Pace(context.settings.pace.min_interval_ms, context.settings.pace.max_interval_ms)
        self._lag = Lag()
        self._behind_ms = 0
        self._last_entry_ms = context.now_ms()
        self._last_flush_ms = context.now_ms()
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flush_began_ms: int | None = None
        self._connected = True
        self._stopped = False
        self._rebuilding: asyncio.Task[None] | None = None
        self._delayed = DelayedFlush(context)
        self._errors: list[dict[str, object]] = []
        self._entries = 0
        self._gaps = 0
        self._tick_ms = context.settings.pace.tick_s * 1000
        self._keeper = keeper_of(name)
        self._paused_after_ms: float = (
            context.settings.pace.paused_after_s * 1000 if kind_of(name) == "match" else float("inf")
        )

    # -- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Loads the channel and begins to follow its stream.

        Raises:
            UnknownChannel: no such stream.
            BusError: the store cannot be read.
        """
        try:
            self._channel = await self._load()
        except UnknownChannel:
            if kind_of(self.name) != USER_KIND:
                raise
            self._channel = Channel(self.name, self._context.channel_limits, self._context.load_rules)
            self._delayed.begin(self._channel)
        if self._stopped:
            return
        for name, audience in self._context.audiences.items():
            if audience.delay_ms:
                self._make_outlet(name)
        for outlet in self._outlets.values():
            self._seed(outlet)
        self._context.bus.follow(self.name, self._channel.position, self)
        metrics.CHANNELS.labels("owner").inc()

    def stop(self) -> None:
        """Ends following; the outlets keep what they show."""
        if self._stopped:
            return
        self._stopped = True
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        if self._rebuilding is not None:
            self._rebuilding.cancel()
        self._delayed.stop()
        for outlet in self._outlets.values():
            outlet.on_drained = None
        if self._channel is not None:
            self._context.bus.unfollow(self.name)
            metrics.CHANNELS.labels("owner").dec()

    async def attach(self, outlet: Outlet) -> None:
        """Seeds a new outlet."""
        if self._pending:
            self._flush()
        self._seed(outlet)

    async def _load(self) -> Channel:
        try:
            return await self._load_history()
        except NoSuchStream:
            raise UnknownChannel(f"there is no channel {self.name}") from None

    async def _load_history(self) -> Channel:
        context, limits = self._context, self._context.channel_limits
        return await load(
            context.bus,
            self.name,
            lambda: Channel(self.name, limits, context.load_rules),
            lambda frame: Channel.from_keyframe(frame, self.name, limits, context.load_rules),
            self._fold_quietly,
            self._delayed.begin,
        )

    def _fold_quietly(self, channel: Channel, entries: list[Entry]) -> None:
        now_ms = self._context.now_ms()
        for entry in entries:
            arrived_ms = now_ms if entry.t_ms is None else min(now_ms, entry.t_ms)
            folded = channel.fold(entry, arrived_ms)
            if folded.kind != "duplicate":
                self._delayed.push(folded, channel, arrived_ms)
            if folded.reason:
                self._note(entry, folded)

    def _seed(self, outlet: Outlet) -> None:
        """Brings an outlet to the channel's document: by a delta where its version is known, else anew."""
        channel = self._channel
        assert channel is not None
        outlet.on_drained = self._on_drained
        outlet.status = self._status(self._context.now_ms())
        if outlet.audience.delay_ms:
            self._delayed.seed(outlet)
            return
        view = outlet.view
        version = self._version(outlet)
        if view.version == version:
            return
        known = lookup(channel, outlet, view.version) if view.version is not None else None
        if known is not None and channel.position is not None:
            patch, events, skipped = between(channel, outlet, known, channel.newest_index())
            outlet.advanced(view.advance(patch, events, skipped, version, force=True))
        else:
            self._replace(outlet)

    def _replace(self, outlet: Outlet) -> None:
        channel = self._channel
        assert channel is not None
        audience = outlet.audience
        feed = audience.project_events(list(channel.feed))
        outlet.view.replace(audience.project_doc(channel.doc), self._version(outlet), feed)
        outlet.advanced(None)

    def _version(self, outlet: Outlet) -> str:
        channel = self._channel
        assert channel is not None
        return str(Version(channel.position or NOTHING, mix(channel.digest, outlet.audience.key)))

    # -- the stream's side (bus.Sink) --------------------------------------------------------------------------

    def on_entries(self, channel: str, entries: list[Entry]) -> None:
        """Folds what the stream brought and schedules the flush."""
        held = self._channel
        if held is None or self._rebuilding is not None or self._stopped:
            return
        now_ms = self._context.now_ms()
        step = self._context.step
        if step is not None and len(entries) == 1 and step.take(self, held, entries[0], now_ms):
            return
        for entry in entries:
            folded = held.fold(entry, now_ms)
            if folded.kind == "duplicate":
                continue
            self._entries += 1
            untrack(held.doc, folded.patch)
            gathered.EVENTS_IN.value += len(folded.events) or 1
            if folded.reason:
                self._note(entry, folded)
            if folded.gap:
                self._gaps += 1
                metrics.GAPS.inc()
                self._start_over("gap")
                return
            if folded.opened:
                self._pending.replace()
            else:
                self._pending.add(folded.patch, folded.events)
            self._delayed.push(folded, held, now_ms)
            if not folded.published:
                continue
            self._last_entry_ms = now_ms
            if entry.t_ms is not None:
                self._behind_ms = self._lag.observe(now_ms, entry.t_ms)
                self._pending.lags_ms.append(self._behind_ms)
        self._schedule()

    def on_confirm_failed(self, channel: str) -> None:
        """The store tells another history than the one that was folded: begin again, and tell all viewers."""
        self._start_over("history")

    def on_store(self, connected: bool) -> None:
        """The connection to the store was lost or is back."""
        if connected != self._connected:
            self._connected = connected
            self._last_entry_ms = self._context.now_ms() if connected else self._last_entry_ms
            self._tell_status(self._context.now_ms())

    def on_broken(self, channel: str, reason: str) -> None:
        """The stream's key cannot be read (wrong type, for example); the channel stays as it is."""
        self._record({"position": None, "reason": reason})
        metrics.MALFORMED.labels("broken_stream").inc()
        logger.warning("stream_broken", channel=self.name, reason=reason)

    # -- flushing ----------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._flush_timer is not None or self._flush_began_ms is not None or not self._pending.entries:
            return
        now_ms = self._context.now_ms()
        due_ms = self._pace.offer(now_ms)
        if due_ms <= now_ms:
            self._flush()
        else:
            self._flush_timer = self._context.loop.call_later((due_ms - now_ms) / 1000, self._on_due)

    def _on_due(self) -> None:
        self._flush_timer = None
        if self._pending:
            self._flush()

    def _flush(self) -> None:
        """Lets out all that was folded since the last flush, once for each audience."""
        pending, channel = self._pending, self._channel
        assert channel is not None
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        now_ms = self._context.now_ms()
        self._last_flush_ms = now_ms
        for outlet in self._outlets.values():
            if outlet.audience.delay_ms:
                continue
            if pending.replaced:
                self._replace(outlet)
                continue
            audience = outlet.audience
            delta = outlet.view.advance(
                audience.project_patch(pending.patch),
                audience.project_events(pending.events),
                pending.skipped,
                self._version(outlet),
                force=outlet.waiting > 0,
                doc=channel.doc if audience.sees_all else None,
            )
            if delta is not None:
                outlet.advanced(delta)
        for lag_ms in pending.lags_ms:
            gathered.PUBLISH_TO_FLUSH.observe(lag_ms / 1000)
        pending.clear()
        self._tell_status(now_ms)
        self._flush_began_ms = now_ms
        self._on_drained()

    def _on_drained(self) -> None:
        """Every viewer who can take it has the flush: the pace learns how long that took."""
        if self._flush_began_ms is None:
            return
        for outlet in self._outlets.values():
            if outlet.busy:
                return
        now_ms = self._context.now_ms()
        took_ms = now_ms - self._flush_began_ms
        self._flush_began_ms = None
        lagged = self._pace.interval_ms > LAGGING_MS
        self._pace.flushed(now_ms, took_ms)
        if lagged != (self._pace.interval_ms > LAGGING_MS):
            self._look_in(PACE_TOLD_MS)
        self._schedule()

    # -- resuming ----------------------------------------------------------------------------------------------

    def resume(self, outlet: Outlet, since: str) -> Resume:
        """Answers a `since` that the outlet's view does not know, entry by entry."""
        return resume(self._channel, outlet, since)

    # -- starting over -----------------------------------------------------------------------------------------

    def _start_over(self, why: str) -> None:
        if self._rebuilding is None and not self._stopped:
            metrics.HISTORIES_LOST.labels(why).inc()
            logger.warning("history_started_over", channel=self.name, why=why)
            self._context.bus.unfollow(self.name)
            self._rebuilding = self._context.loop.create_task(self._rebuild())

    async def _rebuild(self) -> None:
        attempt = 0
        while True:
            try:
                channel = await self._load()
                break
            except BusError as error:
                logger.info("history_not_readable", channel=self.name, error=type(error).__name__)
            except UnknownChannel:
                # The stream is gone; what viewers have stays until somebody publishes again.
                self._connected = False
                self._tell_status(self._context.now_ms())
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1
        self._channel = channel
        self._connected = True
        self._pending.clear()
        self._last_entry_ms = self._context.now_ms()
        for outlet in self._outlets.values():
            self._seed(outlet)
        self._context.bus.follow(self.name, channel.position, self)
        self._rebuilding = None
        self._tell_status(self._context.now_ms())

    # -- status ------------------------------------------------------------------------------------------------

    def look(self, now_ms: int) -> float:
        """Does what is due: status, ticks in quiet times, holds that waited too long.

        Returns:
            In how many ms the next look is due. What comes meanwhile only makes that later, or asks for a look itself.
        """
        self._tell_status(now_ms)
        quiet = now_ms - self._last_flush_ms >= self._tick_ms
        if quiet:
            self._last_flush_ms = now_ms
        # A wall clock that was set back must not put anything off for longer than it takes.
        wait_ms = min(self._last_flush_ms + self._tick_ms - now_ms, self._tick_ms, self._paused_after_ms)
        pauses_ms = self._last_entry_ms + self._paused_after_ms - now_ms
        if pauses_ms >= 0:
            # Paused is who was silent for longer than that.
            wait_ms = min(wait_ms, pauses_ms + 1)
        for outlet in self._outlets.values():
            if quiet:
                outlet.tick()
            wait_ms = min(wait_ms, outlet.expire_holds(now_ms))
        return wait_ms

    def _status(self, now_ms: int) -> Status:
        return Status(channel=self.name, status=self._status_word(now_ms), behind_ms=self._behind_ms)

    def _status_word(self, now_ms: int) -> str:
        if self._channel is not None and self._channel.status_word == ENDED:
            return ENDED
        if not self._connected or now_ms - self._last_entry_ms > self._paused_after_ms:
            return "paused"
        if self._keeper is not None and self._keeper in self._context.keepers.silent:
            return "paused"
        if self._behind_ms > LAGGING_MS or self._pace.interval_ms > LAGGING_MS:
            return "lagging"
        return "live"

    def _tell_status(self, now_ms: int) -> None:
        word = self._status_word(now_ms)
        for outlet in self._outlets.values():
            shown = outlet.status
            if shown.status != word or (word == "lagging" and abs(shown.behind_ms - self._behind_ms) > 500):
                outlet.set_status(Status(channel=self.name, status=word, behind_ms=self._behind_ms))

    # -- what operators see ------------------------------------------------------------------------------------

    def _note(self, entry: Entry, folded: Folded) -> None:
        metrics.MALFORMED.labels(folded.reason).inc()
        logger.warning("entry_malformed", channel=self.name, entry=str(entry.position), reason=folded.reason)
        self._record({"position": str(entry.position), "reason": folded.reason})

    def _record(self, error: dict[str, object]) -> None:
        self._errors.append(error)
        del self._errors[:-20]

    def report(self) -> Mapping[str, object]:
        """The channel for the admin view."""
        channel = self._channel
        return {
            "role": self.role,
            "position": str(channel.position) if channel is not None else None,
            "entries": self._entries,
            "gaps": self._gaps,
            "behind_ms": self._behind_ms,
            "interval_ms": self._pace.interval_ms,
            "stretched": self._pace.stretched,
            "memory_bytes": channel.memory_bytes() if channel is not None else 0,
            "errors": list(self._errors),
        }

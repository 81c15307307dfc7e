"""A rewind: a channel's past told again to one viewer, at the pace it had or faster. Sans-IO; time is given.

Holds the full document of the past and the view that the viewer's audience had of it; each entry makes the same version as it
made when it was live, so that the viewer can go on from there with the live channel.
"""

from __future__ import annotations

from collections import deque

from gateway.model.audience import Audience
from gateway.model.channel import Channel
from gateway.model.entry import Entry
from gateway.model.messages import Delta, Snapshot, Status
from gateway.model.version import Position, Version, mix
from gateway.model.view import View

STATUS: str = "rewind"
RING_ENTRIES = 1024
IDLE_MAX_MS = 10_000
"""How long a viewer waits for the next entry at most: a break of the match is not lived through again."""


class Rewind:
    """One viewer's rewind.

    Args:
        channel: the document to begin from; folded further here.
        speed: match seconds a second.
        at_ms: the time of the past that it begins at.
        feed_entries: recent events of a snapshot.
    """

    def __init__(
        self, channel: Channel, audience: Audience, speed: float, at_ms: int, now_ms: int, feed_entries: int
    ) -> None:
        self.channel = channel
        self.view = View(channel.name, audience, RING_ENTRIES, feed_entries)
        self._speed = speed
        self._at_ms = at_ms
        self._began_ms = now_ms
        self._waiting: deque[tuple[Entry, int]] = deque()
        self._last_at_ms = at_ms
        self._sent: str | None = None
        self.last_entry: Entry | None = None
        self._show()

    @property
    def position(self) -> Position:
        """The last entry that waits or was told."""
        if self._waiting:
            return self._waiting[-1][0].position
        assert self.channel.position is not None
        return self.channel.position

    @property
    def waiting(self) -> int:
        """Entries that are not due yet."""
        return len(self._waiting)

    def past_ms(self, now_ms: int) -> float:
        """The time of the past that is shown now."""
        return self._at_ms + (now_ms - self._began_ms) * self._speed

    def add(self, entry: Entry, at_ms: int) -> None:
        """The next entry, and when it had arrived."""
        self._last_at_ms = max(self._last_at_ms, at_ms)
        self._waiting.append((entry, self._last_at_ms))
        self.last_entry = entry

    def next_due_ms(self, now_ms: int) -> int | None:
        """How long until the next entry is due; None when none waits."""
        if not self._waiting:
            return None
        wait_ms = (self._waiting[0][1] - self.past_ms(now_ms)) / self._speed
        if wait_ms > IDLE_MAX_MS:
            self._at_ms += int((wait_ms - IDLE_MAX_MS) * self._speed)
            wait_ms = IDLE_MAX_MS
        return max(0, int(wait_ms))

    def advance(self, now_ms: int) -> bool:
        """Tells what is due; False when an entry is missing before it: this past cannot be told further."""
        past_ms = self.past_ms(now_ms)
        while self._waiting and self._waiting[0][1] <= past_ms:
            entry, at_ms = self._waiting.popleft()
            folded = self.channel.fold(entry, at_ms)
            if folded.kind == "duplicate":
                continue
            if folded.gap:
                return False
            if folded.opened:
                self._show()
                continue
            audience = self.view.audience
            self.view.advance(
                audience.project_patch(folded.patch), audience.project_events(folded.events), 0, self._version()
            )
        return True

    def unsent(self) -> Snapshot | Delta | None:
        """What leads from what was sent to what is shown: one message; None when the viewer has it."""
        if self._sent == self.view.version:
            return None
        delta = self.view.delta_since(self._sent) if self._sent is not None else None
        return delta if delta is not None else self.view.snapshot(STATUS)

    def sent(self) -> str:
        """The viewer has what is shown; its version."""
        assert self.view.version is not None
        self._sent = self.view.version
        return self._sent

    def status(self, now_ms: int) -> Status:
        """How far behind the viewer is."""
        return Status(self.channel.name, STATUS, max(0, int(now_ms - self.past_ms(now_ms))))

    def _show(self) -> None:
        """A state that nothing leads to from what was shown before."""
        audience = self.view.audience
        feed = audience.project_events(list(self.channel.feed))
        self.view.replace(audience.project_doc(self.channel.doc), self._version(), feed)
        self._sent = None

    def _version(self) -> str:
        channel = self.channel
        assert channel.position is not None
        return str(Version(channel.position, mix(channel.digest, self.view.audience.key)))

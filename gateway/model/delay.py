"""What a delayed audience must not see yet: entries wait until they are old enough, in a bounded queue. Pure.

At the bound the two oldest are composed into one with the later time: memory stays bounded and nothing is shown early.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from gateway.model.patch import Patch, compose

PENDING_MAX = 10_000


class Waiting(msgspec.Struct, gc=False):
    """Something that becomes visible at `due_ms`: a patch, or (when `doc` is given) a whole new state."""

    due_ms: int
    version: str
    patch: Any
    events: list[dict[str, Any]]
    skipped: int = 0
    doc: dict[str, Any] | None = None
    feed: list[dict[str, Any]] = []


class DelayQueue:
    """The entries that one delayed audience waits for.

    Args:
        delay_ms: how long each waits.
        max_pending: entries kept apart; more are composed.
        max_events: events kept of a composed entry.
    """

    def __init__(self, delay_ms: int, max_pending: int = PENDING_MAX, max_events: int = 50) -> None:
        self._delay_ms = delay_ms
        self._max_pending = max_pending
        self._max_events = max_events
        self._queue: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, arrived_ms: int, version: str, patch: Patch, events: list[dict[str, Any]]) -> None:
        """An entry that arrived then."""
        self._append(Waiting(self._due(arrived_ms), version, patch, events))

    def push_state(self, arrived_ms: int, version: str, doc: dict[str, Any], feed: list[dict[str, Any]]) -> None:
        """A new state (a reset) that arrived then."""
        self._append(Waiting(self._due(arrived_ms), version, {}, [], 0, doc, feed))

    def _due(self, arrived_ms: int) -> int:
        due_ms = arrived_ms + self._delay_ms
        # The order is the stream's, also where a clock was set back.
        return max(due_ms, self._queue[-1].due_ms) if self._queue else due_ms

    def _append(self, waiting: Waiting) -> None:
        self._queue.append(waiting)
        if len(self._queue) > self._max_pending:
            first, second = self._queue.popleft(), self._queue.popleft()
            self._queue.appendleft(self._join(first, second))

    def _join(self, first: Waiting, second: Waiting) -> Waiting:
        if second.doc is not None:
            return second
        events = first.events + second.events
        over = max(0, len(events) - self._max_events)
        joined = Waiting(
            second.due_ms,
            second.version,
            compose(first.patch, second.patch),
            events[over:],
            first.skipped + second.skipped + over,
        )
        joined.doc, joined.feed = first.doc, first.feed
        return joined

    def pop(self, now_ms: int) -> list[Waiting]:
        """All that may be seen now, in order."""
        due: list[Waiting] = []
        while self._queue and self._queue[0].due_ms <= now_ms:
            due.append(self._queue.popleft())
        return due

    @property
    def next_due_ms(self) -> int | None:
        """When the next one may be seen; None when nothing waits."""
        return self._queue[0].due_ms if self._queue else None

"""What has been folded since the last flush: one composed patch and the events of it, bounded. Sans-IO."""

from __future__ import annotations

from typing import Any

from gateway.model.patch import Patch, compose

_NONE: list[dict[str, Any]] = []


class Pending:
    """Conflates folded entries until the channel's pace lets them out.

    Args:
        max_events: events kept; older ones are dropped and counted as skipped.
    """

    def __init__(self, max_events: int) -> None:
        self._max_events = max_events
        self.lags_ms: list[int] = []
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.patch: Patch = {}
        self.events: list[dict[str, Any]] = _NONE
        self.skipped = 0
        self.entries = 0
        self.replaced = False
        self.lags_ms.clear()

    def __bool__(self) -> bool:
        return self.entries > 0

    def add(self, patch: Patch, events: list[dict[str, Any]]) -> None:
        """Takes one entry's grounded patch and public events."""
        self.entries += 1
        self.patch = compose(self.patch, patch) if self.patch else patch
        # A list that was given or taken is never changed.
        kept = self.events + events if self.events else events
        if (over := len(kept) - self._max_events) > 0:
            self.skipped += over
            kept = kept[over:]
        self.events = kept

    def replace(self) -> None:
        """The document was replaced (reset, or a history started over): viewers need a snapshot."""
        self.clear()
        self.entries = 1
        self.replaced = True

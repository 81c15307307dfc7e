"""What a page has written down of itself (dashboard/scripts/diary.mjs): when it got to know something, and when it showed it."""

from __future__ import annotations

from typing import Any

from tests.browser.page import Page

FRAMES_MAX = 2
"""A change is drawn in the next frame; which of that frame's callbacks comes first is left open."""


class Diary:
    """Follows one page's diary from now on; `page("diary")` makes pages keep one.

    Args:
        whole: from its beginning.
    """

    def __init__(self, shown: Page, tab: str = "first", whole: bool = False) -> None:
        self._shown = shown
        self._tab = tab
        self._mark = 0 if whole else len(self._all())

    def _all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._shown.do("evaluate", tab=self._tab, script="window.diary")
        return found

    def entries(self) -> list[dict[str, Any]]:
        """What was written since this was made."""
        return self._all()[self._mark :]

    def between(self, knows: str | tuple[str, ...], shows: str) -> dict[str, Any]:
        """Milliseconds and frames from the first time that the page knew it, or one of these, to when it showed this next."""
        entries = self.entries()
        told = [entry["what"] for entry in entries]
        ways = (knows,) if isinstance(knows, str) else knows
        known = next((what for what in told if what in ways), None)
        assert known is not None, f"never knew {knows!r}: {told}"
        start = told.index(known)
        assert shows in told[start:], f"never showed {shows!r} after {known!r}: {told}"
        first, last = entries[start], entries[told.index(shows, start)]
        return {
            "known": known,
            "shown": shows,
            "ms": round(last["at_ms"] - first["at_ms"], 1),
            "frames": last["frame"] - first["frame"],
        }

    def within_frames(self, known: str, shows: str) -> None:
        """Asserts that it was shown in the next frame: however busy the machine is, that is soon."""
        found = self.between(known, shows)
        assert found["frames"] <= FRAMES_MAX, found

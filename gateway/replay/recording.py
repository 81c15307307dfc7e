"""A match as a publisher would tell it: the state it opens with, then moments of events on a clock from zero.

Owns the form `Recording` and the errors of reading one; never touches a store, a socket or the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
"""One event as it is published: `op`, public fields, and `patch`/`points` where the rules do not derive them."""

Moment = tuple[int, list[Event]]
"""What happened at one time: milliseconds since the start of the recording, and the events in their order."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One match, ready to be played.

    `events` may be iterated any number of times and gives the same moments each time, times not decreasing.
    """

    match_id: str
    title: str
    game: str
    state: dict[str, Any]
    events: Iterable[Moment]
    duration_ms: int
    rules: str = "scoreboard"


class RecordingError(Exception):
    """A recording cannot be read; the text is one line that names the file and, where there is one, its line."""

    def __init__(self, where: str, reason: str, line: int | None = None) -> None:
        self.where = where
        self.reason = reason
        self.line = line
        place = where if line is None else f"{where}:{line}"
        super().__init__(f"{place}: {reason}")

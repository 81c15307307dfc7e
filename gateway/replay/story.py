"""Puts a match together in the order of time: events at the same time are one moment, and the clock beats.

Owns how sources order what they read; never knows a game.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from gateway.replay.recording import Event, Moment

# The protocol asks for a `clock` event at least every 5 s, as the sign that a match server is alive.
CLOCK_EVERY_MS = 5_000


class Story:
    """Collects events with their times (any origin, any order) and gives them back as moments from zero."""

    def __init__(self) -> None:
        self._told: list[tuple[int, Event]] = []

    def tell(self, t_ms: int, *events: Event) -> None:
        """Adds events at a time; of equal times the one told first comes first."""
        self._told.extend((t_ms, event) for event in events)

    def last_ms(self, default: int = 0) -> int:
        """The latest time told."""
        return max((t_ms for t_ms, _ in self._told), default=default)

    def moments(self, start_ms: int, clock: Callable[[int], Event], ending: Event) -> list[Moment]:
        """All moments from `start_ms` on, a clock event wherever none came for 5 s, and `ending` on its own.

        `clock(t_ms)` makes the clock event of a time; the ending has the time of the last moment.
        """
        told = sorted(self._told, key=lambda pair: pair[0])
        moments: list[Moment] = []
        beat_ms = start_ms
        for t_ms, pairs in groupby(told, key=lambda pair: pair[0]):
            if t_ms < start_ms:
                raise ValueError(f"an event at {t_ms} ms is before the start at {start_ms} ms")
            events = [event for _, event in pairs]
            while beat_ms + CLOCK_EVERY_MS < t_ms:
                beat_ms += CLOCK_EVERY_MS
                moments.append((beat_ms - start_ms, [clock(beat_ms)]))
            if any(event["op"] == "clock" for event in events):
                beat_ms = t_ms
            elif beat_ms + CLOCK_EVERY_MS == t_ms:
                beat_ms = t_ms
                events.append(clock(t_ms))
            moments.append((t_ms - start_ms, events))
        moments.append((self.last_ms(start_ms) - start_ms, [ending]))
        return moments

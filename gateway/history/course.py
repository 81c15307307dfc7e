"""A match's course: how its clock, teams and figures stood from time to time, from the documents that the history keeps.

What has been read is held, as small outlines; a next reader costs only what came since.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from gateway.history.reader import EpochRow, Reader
from gateway.history.scribe import is_number
from gateway.model.version import Position

MATCHES_HELD = 64
EPOCHS_MAX = 8
"""A publisher that begins anew more often than this in one match loses the chart's beginning."""
POINTS_MAX = 400
DOCUMENTS_AT_ONCE = 20
"""Between these the loop serves others: a document takes some tenths of a millisecond."""
MEMBERS_MAX = 32


@dataclass(frozen=True, slots=True)
class Point:
    """How the match stood after an entry.

    Args:
        position: the entry.
        at_ms: when it arrived.
        outline: the document's clock, teams and figures, as far as they are numbers.
    """

    position: Position
    at_ms: int
    outline: dict[str, Any]


class Courses:
    """Tells the course of matches."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._held: OrderedDict[str, dict[int, list[Point]]] = OrderedDict()

    async def of(self, channel: str, until_ms: int) -> list[Point] | None:
        """The newest run's course up to a time, oldest first; None where nothing of it is stored.

        Raises:
            Unavailable
        """
        found = await self._reader.epoch_at(channel, until_ms)
        if found is None:
            return None
        held = self._held.get(channel, {})
        run: dict[int, list[Point]] = {}
        for epoch in await self._reader.epochs_of_run(channel, found[0], EPOCHS_MAX):
            run[epoch.id] = await self._extended(channel, epoch, held.get(epoch.id, []))
        self._held[channel] = run
        self._held.move_to_end(channel)
        while len(self._held) > MATCHES_HELD:
            self._held.popitem(last=False)
        return _thinned([point for points in run.values() for point in points if point.at_ms <= until_ms])

    async def _extended(self, channel: str, epoch: EpochRow, held: list[Point]) -> list[Point]:
        """What is held of an epoch and what came since; anew where the store took back what was held."""
        points = list(held)
        while True:
            start = points[-1].position.seq if points else 0
            found = await self._reader.documents(channel, epoch, start, DOCUMENTS_AT_ONCE)
            if points and (not found or found[0][:2] != (start, points[-1].at_ms)):
                points = []
                continue
            new = found[1:] if points else found
            points += [Point(Position(epoch.epoch, seq), at_ms, outline_of(doc)) for seq, at_ms, doc in new]
            if len(found) < DOCUMENTS_AT_ONCE:
                return points


def outline_of(document: dict[str, Any]) -> dict[str, Any]:
    """The clock, and those numbers of teams and figures that a chart could show."""
    teams, figures = document.get("teams"), document.get("figures")
    outline = {
        "clock": document.get("clock"),
        "teams": {team: _numbers(fields) for team, fields in _first(teams) if isinstance(fields, dict)},
        "figures": {
            name: value if is_number(value) else _numbers(value)
            for name, value in _first(figures)
            if is_number(value) or (isinstance(value, dict) and _numbers(value))
        },
    }
    return {name: value for name, value in outline.items() if isinstance(value, dict) and value}


def _first(value: Any) -> list[tuple[str, Any]]:
    return list(value.items())[:MEMBERS_MAX] if isinstance(value, dict) else []


def _numbers(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _first(fields) if is_number(value)}


def _thinned(points: list[Point]) -> list[Point]:
    """At most POINTS_MAX of them, the first and the last among these."""
    if len(points) <= POINTS_MAX:
        return points
    step = (len(points) - 1) / (POINTS_MAX - 1)
    return [points[round(number * step)] for number in range(POINTS_MAX)]

"""What the archive answers, typed: the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Any

import msgspec


class ShownEvent(msgspec.Struct):
    """One event: the entry it came in, its number there, when it arrived, and its public fields."""

    id: str
    index: int
    at_ms: int
    event: dict[str, Any]


class EventPage(msgspec.Struct):
    """Events in order; `next` goes on where the page ends, null where nothing more is known now."""

    channel: str
    as_of_ms: int
    events: list[ShownEvent]
    next: str | None


class ListedTeam(msgspec.Struct, omit_defaults=True):
    """A team in a list."""

    name: Any = None
    score: Any = None
    order: Any = None
    color: Any = None


class ListedMatch(msgspec.Struct, omit_defaults=True):
    """A match in a list; what is not known is left out."""

    id: str
    channel: str
    status: str | None = None
    title: str | None = None
    game: str | None = None
    teams: dict[str, Any] | None = None
    clock: dict[str, Any] | None = None
    viewers: int | None = None
    winner: str | None = None
    started_ms: int | None = None
    ended_ms: int | None = None


class MatchList(msgspec.Struct, omit_defaults=True):
    """Matches; `complete` is false where the history could not be asked."""

    matches: list[ListedMatch]
    next: str | None
    complete: bool = True


class CoursePoint(msgspec.Struct, omit_defaults=True):
    """How a match stood after an entry: the document's clock, and the numbers of teams and figures."""

    id: str
    at_ms: int
    clock: dict[str, Any] | None = None
    teams: dict[str, Any] | None = None
    figures: dict[str, Any] | None = None


class MatchCourse(msgspec.Struct):
    """A match from its beginning, half a minute of its clock apart, oldest first."""

    match: str
    started_ms: int
    as_of_ms: int
    points: list[CoursePoint]


class SummedPlayer(msgspec.Struct, omit_defaults=True):
    """A player in one match: totals by metric."""

    totals: dict[str, int]
    name: str | None = None
    team: str | None = None


class MatchSummary(msgspec.Struct, omit_defaults=True):
    """A match as it stands, or as it ended."""

    match: str
    status: str
    started_ms: int
    players: dict[str, SummedPlayer]
    events: int
    as_of_ms: int
    title: str | None = None
    game: str | None = None
    ended_ms: int | None = None
    teams: dict[str, Any] | None = None
    winner: str | None = None


class RecentMatch(msgspec.Struct):
    """One of a player's last matches."""

    match: str
    title: str | None
    team: str | None
    result: str | None
    totals: dict[str, int]
    ended_ms: int | None


class HeadToHead(msgspec.Struct):
    """A player against one opponent, over all matches."""

    opponent: str
    name: str | None
    kills: int
    deaths: int


class Streak(msgspec.Struct):
    """Matches in a row with the same result."""

    kind: str
    length: int


class PlayerStats(msgspec.Struct):
    """A player over all matches; `age_ms` says how old the totals are."""

    player: str
    name: str | None
    as_of_ms: int
    age_ms: int
    matches: int
    totals: dict[str, int]
    rates: dict[str, float]
    streak: Streak | None
    recent: list[RecentMatch]
    head_to_head: list[HeadToHead]

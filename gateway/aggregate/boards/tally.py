"""Counting, pure: what entries add to boards, and how parts of it are merged.

Merging commutes and is associative: points add up, the stamp at which they were reached is the greatest. So boards are the
same for every order in which streams are counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.model.board_kinds import further
from gateway.model.boards import BOARD_MAX_CHARS, INCREMENT_MAX, BadPoints, Scopes, boards_of, check_points, scopes_of
from gateway.model.channel import Folded
from gateway.model.entry import Entry, entry_digest_of
from gateway.model.rules import VOID_OP
from gateway.model.version import Position, Version

BAD_VALUE = "bad_scope"
"""A field or a place in the document whose value no board can be named after."""

Score = tuple[int, int]
"""Points, and the greatest stamp among the events that made them."""
Tally = dict[str, Score]
"""Member -> score."""
Tallies = dict[str, Tally]
"""Board -> tally."""
Groups = dict[tuple[str, ...], Tally]
"""Tally by the boards that all have it: a metric's of all scopes."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one entry adds.

    Args:
        source: the entry's digest, or its whole mark.
        groups: never changed: merging copies.
        void: all that the stream has added before is taken back.
        reason: why some boards do not take it; empty: all do.
    """

    position: Position
    source: int | str
    groups: Groups
    void: bool = False
    reason: str = ""

    @property
    def mark(self) -> str:
        """The entry as watermarks name it; made when it is asked for, which is once for many entries."""
        return self.source if isinstance(self.source, str) else str(Version(self.position, self.source))


def mark_of(entry: Entry) -> str:
    """The entry as watermarks name it: its position and digest."""
    return str(Version(entry.position, entry_digest_of(entry)))


def count(channel: str, entry: Entry, folded: Folded, scopes: Scopes, now_ms: int, max_metrics: int) -> Counted:
    """What the entry adds to every board.

    Raises:
        BadPoints: no board takes any of it.
    """
    points = folded.points
    void = any(event.get("op") == VOID_OP for event in folded.events)
    if not points or void:
        return Counted(entry.position, folded.entry_digest, {}, void)
    check_points(points, max_metrics)
    t_ms = entry.t_ms or 0
    found = scopes_of(channel, t_ms, scopes, now_ms)
    groups = {
        boards_of(metric, found): {member: (by, t_ms if by else 0) for member, by in members.items()}
        for metric, members in points.items()
    }
    if not scopes.kinds:
        return Counted(entry.position, folded.entry_digest, groups)
    added, bad = further(scopes.kinds, t_ms, folded.document, folded.scored)
    if len(added) > scopes.max_further:
        raise BadPoints("too_many_boards")
    for board, increments in added.items():
        if any(abs(by) > INCREMENT_MAX for by in increments.values()):
            raise BadPoints("bad_points")
        if len(board) <= BOARD_MAX_CHARS:
            groups[board,] = {member: (by, t_ms if by else 0) for member, by in increments.items()}
    return Counted(entry.position, folded.entry_digest, groups, reason=BAD_VALUE if bad else "")


def merge(into: Tally, other: Tally) -> None:
    """Adds a tally to another."""
    for member, (points, reached_ms) in other.items():
        known = into.get(member)
        if known is None:
            into[member] = (points, reached_ms)
        else:
            into[member] = (known[0] + points, max(known[1], reached_ms))


def merge_all(into: Groups, counted: Iterable[Counted]) -> None:
    """Adds what entries add, in order; a void takes back what came before it."""
    for one in counted:
        if one.void:
            into.clear()
        for boards, tally in one.groups.items():
            known = into.get(boards)
            if known is None:
                into[boards] = dict(tally)
            else:
                merge(known, tally)


def spread(groups: Groups) -> Tallies:
    """The tally of every board; boards that are in one group only share theirs."""
    tallies: Tallies = {}
    for boards, tally in groups.items():
        for board in boards:
            known = tallies.get(board)
            if known is None:
                tallies[board] = tally
            else:
                tallies[board] = dict(known)
                merge(tallies[board], tally)
    return tallies

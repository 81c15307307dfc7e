"""Kinds of boards that a studio adds: by a field of the event, by a place in the match's document, within a window of time. Pure.

A kind's boards are `{metric}.{kind}.{value}` (`kills.region.eu`); a window alone has `{metric}.{kind}` (`kills.winter-cup`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

KIND_RE: Final = re.compile(r"[a-z][a-z0-9_-]{0,23}")
VALUE_RE: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}")
BUILT_IN: Final = frozenset({"all", "season", "day", "week", "match"})
MEMBER: Final = "*"
"""In a path: the member whose points they are."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Args:
        field: of the event that scores; its value names the board.
        path: names of members in the match's document, from the root, to what names the board.
        begins_ms: points stamped before it do not count; None: without a beginning.
        ends_ms: nor do those stamped then or later; None: without an end.
        metrics: that have such boards; empty: all.
    """

    name: str
    field: str = ""
    path: tuple[str, ...] = ()
    begins_ms: int | None = None
    ends_ms: int | None = None
    metrics: frozenset[str] = frozenset()

    def takes(self, metric: str, t_ms: int) -> bool:
        """Whether points of this metric with this stamp count; what has no stamp (0) is in no window."""
        if self.metrics and metric not in self.metrics:
            return False
        if self.begins_ms is None and self.ends_ms is None:
            return True
        return bool(t_ms) and (self.begins_ms or 0) <= t_ms and (self.ends_ms is None or t_ms < self.ends_ms)


class BadValue(Exception):
    """A value that no board can be named after."""


def scope_of(kind: Kind, value: Any) -> str | None:
    """The scope of the boards that a value names; None where there is no value.

    Raises:
        BadValue
    """
    if value is None or value == "":
        return None
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or VALUE_RE.fullmatch(text) is None:
        raise BadValue
    return f"{kind.name}.{text}"


def further(
    kinds: Iterable[Kind],
    t_ms: int,
    document: Mapping[str, Any],
    scored: Iterable[tuple[Mapping[str, Any], Mapping[str, Mapping[str, int]]]],
) -> tuple[dict[str, dict[str, int]], bool]:
    """What an entry's events add to the boards of these kinds.

    Args:
        t_ms: the entry's stamp; 0 for none.
        document: the match's, after the entry.
        scored: each event's public fields, and its points by metric and member.

    Returns:
        Increments by board and member; whether a value was met that no board can be named after.
    """
    added: dict[str, dict[str, int]] = {}
    bad = False
    for event, points in scored:
        for metric, members in points.items():
            for kind in kinds:
                if not kind.takes(metric, t_ms):
                    continue
                for member, by in members.items():
                    try:
                        scope = _scope(kind, event, document, member)
                    except BadValue:
                        bad = True
                        continue
                    if scope is not None:
                        board = added.setdefault(f"{metric}.{scope}", {})
                        board[member] = board.get(member, 0) + by
    return added, bad


def _scope(kind: Kind, event: Mapping[str, Any], document: Mapping[str, Any], member: str) -> str | None:
    if kind.field:
        return scope_of(kind, event.get(kind.field))
    if not kind.path:
        return kind.name
    value: Any = document
    for name in kind.path:
        value = value.get(member if name == MEMBER else name) if isinstance(value, Mapping) else None
    return scope_of(kind, value)

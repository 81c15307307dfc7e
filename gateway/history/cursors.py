"""Where a page ends, as text: a reader gives it back to get the next page (keyset pagination). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.model.entry import INT64_MAX

EVENT_RE = re.compile(r"(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})(?:\.(0|[1-9][0-9]{0,4}))?", re.ASCII)
MATCH_RE = re.compile(r"h\.(0|[1-9][0-9]{0,15})\.([1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})", re.ASCII)
ROW_RE = re.compile(r"l\.([A-Za-z0-9._~-]{1,128})", re.ASCII)
INT32_MAX = 2**31 - 1


class BadCursor(Exception):
    """Text that is no cursor."""


@dataclass(frozen=True, slots=True, order=True)
class EventCursor:
    """An event: its entry's position and its number in the entry. As text `7-42.0`; `7-42` is the whole entry."""

    epoch: int
    seq: int
    index: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}.{self.index}"

    @classmethod
    def parse(cls, text: str, whole_entry_index: int) -> EventCursor:
        """The cursor that `text` names.

        Args:
            whole_entry_index: what stands for an entry without an index: behind its last event, or before its first.

        Raises:
            BadCursor
        """
        match = EVENT_RE.fullmatch(text)
        if match is None or int(match[1]) > INT64_MAX or int(match[2]) > INT64_MAX:
            raise BadCursor(text)
        return cls(int(match[1]), int(match[2]), int(match[3]) if match[3] is not None else whole_entry_index)


@dataclass(frozen=True, slots=True)
class MatchCursor:
    """A match of the history: newest first."""

    updated_ms: int
    channel_id: int
    run: int

    def __str__(self) -> str:
        return f"h.{self.updated_ms}.{self.channel_id}.{self.run}"


@dataclass(frozen=True, slots=True)
class RowCursor:
    """A match of the live list, which is in the order of ids and comes before the history."""

    match: str

    def __str__(self) -> str:
        return f"l.{self.match}"


def parse_match_cursor(text: str) -> MatchCursor | RowCursor:
    """The cursor that `text` names.

    Raises:
        BadCursor
    """
    if (row := ROW_RE.fullmatch(text)) is not None:
        return RowCursor(row[1])
    match = MATCH_RE.fullmatch(text)
    if match is None or int(match[2]) > INT32_MAX or int(match[3]) > INT32_MAX:
        raise BadCursor(text)
    return MatchCursor(int(match[1]), int(match[2]), int(match[3]))

"""Boards: their names, which boards an event's points belong to, and the total order of members. Pure.

A board is `{metric}.{scope}`: `kills.all`, `kills.season.s3`, `kills.day.2026-11-25`, `kills.week.2026-W48`, `kills.match.42`,
or of a further kind (board_kinds.py).
Order: points, then who reached them first (the greatest stamp among the events that made the score), then member id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from gateway.model.board_kinds import BUILT_IN, KIND_RE, VALUE_RE, Kind
from gateway.model.names import id_of, kind_of

METRIC_RE: Final = re.compile(r"[A-Za-z0-9_~-]{1,32}")
SCOPE_RE: Final = re.compile(
    r"all|season\.[A-Za-z0-9_~-]{1,32}|day\.\d{4}-\d\d-\d\d|week\.\d{4}-W\d\d|match\.[A-Za-z0-9._~-]{1,128}"
)
MEMBER_MAX_CHARS: Final = 128
BOARD_MAX_CHARS: Final = 128
INCREMENT_MAX: Final = 1_000_000_000
"""Of one event, either way: totals stay exact (2**53) for nine million of them."""

DAY_MS: Final = 86_400_000
UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")

NOT_COUNTED: Final = frozenset({"board", "lobby", "user"})
"""Kinds of channels whose entries are never counted: they are derived themselves, or private."""


@dataclass(frozen=True, slots=True)
class Scopes:
    """Which boards there are beside those of each match.

    Args:
        season: the season's name now; empty: no season boards.
        season_begins_ms: points stamped before it do not count for the season, nor do those without a stamp; None: all do.
        kept_ms: boards of windows older than this are not counted any more.
        kinds: further kinds.
        max_further: boards of further kinds that one entry adds to.
    """

    season: str = ""
    kept_ms: int = 90 * DAY_MS
    kinds: tuple[Kind, ...] = ()
    max_further: int = 128
    season_begins_ms: int | None = None

    def season_at(self, t_ms: int) -> str:
        """The season that points with this stamp (0: none) count for; empty: none that is known."""
        begins_ms = self.season_begins_ms
        return self.season if begins_ms is None or (t_ms and t_ms >= begins_ms) else ""

    def is_past(self, board: str) -> bool:
        """Whether it is a board of another season than today's: nobody knows which points were its."""
        kind, dot, season = board.partition(".")[2].partition(".")
        return kind == "season" and bool(dot) and season != self.season


class BadPoints(Exception):
    """Points that no board can take.

    Args:
        reason: one of bad_metric, bad_member, bad_points, too_many_boards.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@lru_cache(maxsize=4096)
def _is_metric(text: str) -> bool:
    return METRIC_RE.fullmatch(text) is not None


@lru_cache(maxsize=65_536)
def is_member(text: str) -> bool:
    """Whether a member may be named so."""
    return 0 < len(text) <= MEMBER_MAX_CHARS and UNPRINTABLE.search(text) is None


def check_points(points: dict[str, dict[str, Any]], max_metrics: int) -> None:
    """Whether boards can take these points.

    Raises:
        BadPoints
    """
    if len(points) > max_metrics:
        raise BadPoints("too_many_boards")
    for metric, members in points.items():
        if not _is_metric(metric):
            raise BadPoints("bad_metric")
        for member, increment in members.items():
            if not is_member(member):
                raise BadPoints("bad_member")
            if type(increment) is not int or abs(increment) > INCREMENT_MAX:
                raise BadPoints("bad_points")


@lru_cache(maxsize=1024)
def _windows(day: int) -> tuple[str, str]:
    date = datetime.fromtimestamp(day * 86_400, UTC)
    year, week, _ = date.isocalendar()
    return f"day.{date:%Y-%m-%d}", f"week.{year:04}-W{week:02}"


def scopes_of(channel: str, t_ms: int, scopes: Scopes, now_ms: int) -> tuple[str, ...]:
    """The scopes that points of this channel, stamped `t_ms` (UTC decides the day), belong to."""
    in_window = now_ms - scopes.kept_ms < t_ms < now_ms + DAY_MS
    return _scopes_of(channel, t_ms // DAY_MS if in_window else None, scopes.season_at(t_ms))


@lru_cache(maxsize=65_536)
def _scopes_of(channel: str, day: int | None, season: str) -> tuple[str, ...]:
    found = ["all"]
    if season:
        found.append(f"season.{season}")
    if day is not None:
        found += _windows(day)
    if kind_of(channel) == "match":
        found.append(f"match.{id_of(channel)}")
    return tuple(found)


@lru_cache(maxsize=65_536)
def boards_of(metric: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The metric's boards of these scopes; a match's id can be too long for a board of its own."""
    boards = (f"{metric}.{scope}" for scope in scopes)
    return tuple(board for board in boards if len(board) <= BOARD_MAX_CHARS)


def parse_board(board: str) -> tuple[str, str] | None:
    """Metric and scope; None for text that is no board's id."""
    metric, dot, scope = board.partition(".")
    good = dot and len(board) <= BOARD_MAX_CHARS and METRIC_RE.fullmatch(metric) and _is_scope(scope)
    return (metric, scope) if good else None


def _is_scope(text: str) -> bool:
    kind, dot, value = text.partition(".")
    if kind in BUILT_IN:
        return SCOPE_RE.fullmatch(text) is not None
    return KIND_RE.fullmatch(kind) is not None and (not dot or VALUE_RE.fullmatch(value) is not None)


def match_of(board: str) -> str | None:
    """The match whose board it is; None for a board of all matches."""
    kind, dot, match = board.partition(".")[2].partition(".")
    return match if kind == "match" and dot else None


def expires(board: str) -> bool:
    """Whether the board is let go some time after its last change: those that a match, a day or a value names are."""
    kind, dot, _ = board.partition(".")[2].partition(".")
    return bool(dot) and kind != "season"


# -- keys: one slot a board, the slot of its channel -----------------------------------------------------------------


def board_channel(board: str) -> str:
    """The channel that shows the board."""
    return f"board:{board}"


def rank_key(board: str) -> str:
    """Sorted set: the members in order (see `element`)."""
    return f"rank:{{board:{board}}}"


def score_key(board: str) -> str:
    """Hash: member -> `points reached`."""
    return f"score:{{board:{board}}}"


def board_marks_key(board: str) -> str:
    """Hash: channel -> the last entry counted, as `epoch-seq.digest` of that entry."""
    return f"marks:{{board:{board}}}"


def fences_key(board: str) -> str:
    """Hash: channel -> the generation of the lease under which its last correction was begun; an older one is refused."""
    return f"fence:{{board:{board}}}"


def tally_key(board: str, channel: str) -> str:
    """Hash: member -> `points reached` as far as one channel made them."""
    return f"tally:{{board:{board}}}:{channel}"


def stream_marks_key(channel: str) -> str:
    """Hash: board -> the last entry known to be counted there; `` -> up to where all boards have all."""
    return f"marks:{{{channel}}}"


def registry_key(partition: int) -> str:
    """Sorted set: board -> ms of its last change, for the boards of one partition."""
    return f"boards:{{boards.{partition}}}"


LISTED_KEY: Final = "boards:{boards}:others"
"""Sorted set, by bytes: the boards of no match."""

LISTED_OF_MATCHES_KEY: Final = "boards:{boards}:matches"
"""The same for boards of matches, by name."""

MATCH_PLACES_KEY: Final = "boards:{boards}:by-match"
"""The same by match (see `match_place`)."""


def match_place(board: str, match: str) -> str:
    """A board of a match as it is found by the match: no id has a space, so the boards of one stand together."""
    return f"{match} {board}"


STATUS_KEY: Final = "status:{aggregate}"
"""Hash: partition -> how far its channels are counted, and what is wrong."""

LETTERS_KEY: Final = "dead:{aggregate}"
"""Stream: entries that could not be counted, each with its channel, id and reason."""

LETTERS_SEEN_KEY: Final = "dead:{aggregate}:seen"
"""Hash: the entries in it."""

RECOUNTS_KEY: Final = "recount:{aggregate}"
"""Hash: channel -> request to count it anew; the channel's aggregator takes it away when it has."""

WITH_LETTERS: Final = "letters "
"""What a request begins with that tries dead letters again."""

RECOUNTS_LEFT_KEY: Final = "recount:{aggregate}:left"
"""Hash: channel -> what of it is missing, so that it was left as it is."""

NAMES_KEY: Final = "names:{aggregate}"
"""Hash: member -> name, as the matches' documents have them."""

FOUND_KEY: Final = "names:{aggregate}:found"
"""Sorted set, by bytes: what members are found by (gateway/model/finding.py)."""


# -- order -----------------------------------------------------------------------------------------------------------

STAMP_CHARS: Final = 15


def element(member: str, reached_ms: int) -> str:
    """The member as the sorted set has it: with its score, the negative points, this sorts by the total order."""
    return f"{reached_ms:0{STAMP_CHARS}}{member}"


def member_of(text: str) -> str:
    """The member of an element."""
    return text[STAMP_CHARS:]


def sort_key(member: str, points: int, reached_ms: int) -> tuple[int, int, bytes]:
    """The total order: ascending keys are ranks 1, 2, 3 …"""
    return -points, reached_ms, member.encode()

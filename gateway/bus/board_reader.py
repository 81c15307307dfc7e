"""Boards, read: pages, neighbourhoods, single members, and how far they are counted. Never writes; works with the edge's user."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gateway.bus.client import guarded, make_client, mapped
from gateway.bus.errors import BusError, Unavailable
from gateway.model.boards import (
    FOUND_KEY,
    LISTED_KEY,
    LISTED_OF_MATCHES_KEY,
    MATCH_PLACES_KEY,
    NAMES_KEY,
    STATUS_KEY,
    board_channel,
    element,
    match_place,
    member_of,
    rank_key,
    registry_key,
    score_key,
)
from gateway.model.finding import is_found, member_found
from gateway.model.partitions import PARTITIONS, partition_of
from gateway.model.standing import Standing, completeness, silent

STANDING_KEPT_S = 0.5
STATUS_WAIT_S = 5.0
WHOLE_MAX = 500
"""Members of a board that is read whole to find some of them."""
FOUND_AT_ONCE = 100
FOUND_READS = 20
"""Reads of the index for one search: of two thousand who are called so, those on the board. Few at a time: a loop that looks up
five hundred ranks at once serves nobody else for several ms."""

_standing = msgspec.json.Decoder(Standing)


class Row(msgspec.Struct, omit_defaults=True):
    """One member of a board; `name` is left out where it is not known."""

    rank: int
    member: str
    points: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a board, in order.

    Args:
        total: members of the board.
        broken: a key of the board has another type.
        known: there is, or was, such a board: one whose points were all taken back is empty.
    """

    total: int
    offset: int
    rows: list[Row]
    broken: bool = False
    known: bool = True


class BoardReader:
    """Reads boards of the store at `url`.

    Args:
        stale_s: a partition of which nothing was heard for this makes boards incomplete.
    """

    def __init__(self, url: str, stale_s: float) -> None:
        self._client = make_client(url)
        self._stale_ms = int(stale_s * 1000)
        self._standings: dict[int, Standing] = {}
        self._standings_s = float("-inf")
        self._of_all: tuple[bool, int] | None = None
        self._asking = asyncio.Lock()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    # -- rows --------------------------------------------------------------------------------------------------

    async def page(self, board: str, offset: int, limit: int) -> Page:
        """The members from rank `offset` + 1 on.

        Raises:
            Unavailable, NotPermitted
        """
        pipeline = self._client.pipeline(transaction=False)
        pipeline.zcard(rank_key(board))
        pipeline.zrange(rank_key(board), offset, offset + limit - 1, withscores=True)
        total, found = await guarded(pipeline.execute(raise_on_error=False))
        if isinstance(found, Exception):
            return _broken(found, offset)
        rows = [
            Row(offset + index + 1, member_of(name.decode()), -int(negative))
            for index, (name, negative) in enumerate(found)
        ]
        return Page(int(total), offset, await self._named(rows), known=bool(total) or await self._is_listed(board))

    async def around(self, board: str, member: str, span: int) -> Page | None:
        """The member with up to `span` neighbours on either side; None where the board does not have it.

        Raises:
            Unavailable, NotPermitted
        """
        for _ in range(3):
            places = await self._places(board, [member])
            if isinstance(places, Page):
                return places
            if not places:
                return None
            rank, _ = places[member]
            offset = max(0, rank - span)
            page = await self.page(board, offset, rank + span - offset + 1)
            if page.broken or any(row.member == member for row in page.rows):
                return page
            # It has moved in between.
        return page

    async def members(self, board: str, ids: Sequence[str]) -> Page:
        """Those of the members that the board has, in order.

        Raises:
            Unavailable, NotPermitted
        """
        total, places = await asyncio.gather(self.page(board, 0, 1), self._places(board, list(dict.fromkeys(ids))))
        if isinstance(places, Page):
            return places
        rows = sorted((Row(rank + 1, name, points) for name, (rank, points) in places.items()), key=lambda r: r.rank)
        return replace(total, rows=await self._named(rows))

    async def search(self, board: str, wanted: str, limit: int) -> Page:
        """Up to `limit` members of the board whose id, name or a word of it begins so, in order.

        Args:
            wanted: folded text (gateway/model/finding.py).

        Raises:
            Unavailable, NotPermitted
        """
        (total,) = await self.totals([board])
        if total is None or total <= WHOLE_MAX:
            whole = await self.page(board, 0, WHOLE_MAX)
            rows = [row for row in whole.rows if is_found(wanted, row.member, row.name)]
            return replace(whole, rows=rows[:limit])
        # Who is not in the index yet is found by the id as it is.
        exact = await self.members(board, [wanted])
        found = {row.member: row for row in exact.rows}
        low, high = b"[" + wanted.encode(), b"[" + wanted.encode() + b"\xff"
        for _ in range(FOUND_READS):
            places: Any = await guarded(
                self._client.zrange(FOUND_KEY, low, high, bylex=True, offset=0, num=FOUND_AT_ONCE)
            )
            members = [member for place in places if (member := member_found(place.decode())) not in found]
            if members:
                page = await self.members(board, members)
                # The index may have a name that is another one by now.
                found |= {row.member: row for row in page.rows if is_found(wanted, row.member, row.name)}
            if len(found) >= limit or len(places) < FOUND_AT_ONCE:
                break
            low = b"(" + places[-1]
        rows = sorted(found.values(), key=lambda row: row.rank)
        return Page(total, 0, rows[:limit], exact.broken)

    async def _places(self, board: str, ids: list[str]) -> dict[str, tuple[int, int]] | Page:
        """Rank (from 0) and points of each member that the board has."""
        try:
            scores: Any = await guarded(self._client.hmget(score_key(board), ids))
        except BusError as error:
            return _broken(error, 0)
        known = {name: score.split() for name, score in zip(ids, scores, strict=True) if score is not None}
        pipeline = self._client.pipeline(transaction=False)
        for name, (_, reached) in known.items():
            pipeline.zrank(rank_key(board), element(name, int(reached)))
        ranks = await guarded(pipeline.execute(raise_on_error=False)) if known else []
        places = {}
        for (name, (points, _)), rank in zip(known.items(), ranks, strict=True):
            if isinstance(rank, Exception):
                return _broken(rank, 0)
            if rank is not None:
                places[name] = (int(rank), int(points))
        return places

    async def _named(self, rows: list[Row]) -> list[Row]:
        if rows:
            try:
                names: Any = await guarded(self._client.hmget(NAMES_KEY, [row.member for row in rows]))
            except Unavailable:
                raise
            except BusError:
                return rows
            for row, name in zip(rows, names, strict=True):
                row.name = name.decode(errors="replace") if name is not None else ""
        return rows

    # -- which, and how far ------------------------------------------------------------------------------------

    async def boards(self) -> list[str]:
        """Every board, by name.

        Raises:
            Unavailable, NotPermitted
        """
        pipeline = self._client.pipeline(transaction=False)
        for number in range(PARTITIONS):
            pipeline.zrange(registry_key(number), 0, -1)
        answers = await guarded(pipeline.execute(raise_on_error=False))
        return sorted(name.decode() for answer in answers if not isinstance(answer, Exception) for name in answer)

    async def _is_listed(self, board: str) -> bool:
        # ZSCORE is none of the commands that the edge's user needs otherwise.
        place: Any = await guarded(self._client.zrank(registry_key(partition_of(board_channel(board))), board))
        return place is not None

    async def listed(self, after: str, count: int, matches: bool) -> list[str]:
        """The next boards by name after one, at most `count`.

        Args:
            matches: those of matches, too.

        Raises:
            Unavailable, NotPermitted
        """
        low = f"({after}" if after else "-"
        pipeline = self._client.pipeline(transaction=False)
        for key in (LISTED_KEY, LISTED_OF_MATCHES_KEY) if matches else (LISTED_KEY,):
            pipeline.zrange(key, low, "+", bylex=True, offset=0, num=count)
        answers = await guarded(pipeline.execute(raise_on_error=False))
        found = (name.decode() for answer in answers if not isinstance(answer, Exception) for name in answer)
        return sorted(found)[:count]

    async def of_matches(self, matches: Iterable[str]) -> list[str]:
        """The boards of these matches, by name.

        Raises:
            Unavailable, NotPermitted
        """
        pipeline = self._client.pipeline(transaction=False)
        for match in matches:
            pipeline.zrange(MATCH_PLACES_KEY, f"[{match_place('', match)}", f"({match}!", bylex=True)
        answers = await guarded(pipeline.execute(raise_on_error=False))
        found = (place.decode() for answer in answers if not isinstance(answer, Exception) for place in answer)
        return sorted(place.partition(" ")[2] for place in found)

    async def totals(self, boards: Sequence[str]) -> list[int | None]:
        """How many members each board has; None where its key has another type."""
        pipeline = self._client.pipeline(transaction=False)
        for board in boards:
            pipeline.zcard(rank_key(board))
        answers = await guarded(pipeline.execute(raise_on_error=False)) if boards else []
        return [None if isinstance(answer, Exception) else int(answer) for answer in answers]

    async def standing(self, board: str) -> tuple[bool, int]:
        """Whether the board has all that is known to have happened, and up to which time (unix ms).

        Raises:
            Unavailable
        """
        await self._refresh()
        scope = board.partition(".")[2]
        now_ms = time.time_ns() // 1_000_000
        if scope.startswith("match."):
            whose = [partition_of(scope.replace(".", ":", 1))]
            return completeness(board, self._standings, whose, now_ms, self._stale_ms)
        if any(board in standing.broken for standing in self._standings.values() if standing.broken):
            return completeness(board, self._standings, range(PARTITIONS), now_ms, self._stale_ms)
        # The same for all such boards: a list of hundreds asks once.
        if self._of_all is None:
            self._of_all = completeness("", self._standings, range(PARTITIONS), now_ms, self._stale_ms)
        return self._of_all

    async def silent(self) -> frozenset[int]:
        """The partitions that no aggregator keeps now: the boards' channels of these are written by nobody.

        Raises:
            Unavailable
        """
        await self._refresh()
        return silent(self._standings, time.time_ns() // 1_000_000, self._stale_ms)

    async def troubles(self) -> tuple[list[tuple[str, str, str]], int]:
        """Channels of which something is not counted: channel, why, and what is missing for good as far as that is known.

        With them, how many further ones there are that are not told by name.

        Raises:
            Unavailable
        """
        standings = (await self._read_standings()).values()
        named = sorted(
            (name, why, one.missing.get(name, "")) for one in standings for name, why in one.troubles.items()
        )
        return named, sum(one.unnamed for one in standings)

    async def _refresh(self) -> None:
        async with self._asking:
            if time.monotonic() - self._standings_s > STANDING_KEPT_S:
                self._standings = await self._read_standings()
                self._standings_s = time.monotonic()
                self._of_all = None

    async def _read_standings(self) -> dict[int, Standing]:
        try:
            found: Any = await guarded(self._client.hgetall(STATUS_KEY))
        except Unavailable:
            raise
        except BusError:
            return {}
        standings = {}
        for number, value in found.items():
            try:
                standings[int(number)] = _standing.decode(value)
            except (msgspec.DecodeError, ValueError):
                continue
        return standings


def _broken(error: Exception, offset: int) -> Page:
    """A board with a key of another type is shown as incomplete; everything else is raised."""
    failure = mapped(error)
    if "WRONGTYPE" in str(failure):
        return Page(0, offset, [], broken=True)
    raise failure

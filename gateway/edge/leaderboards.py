"""The HTTP routes that read boards: pages, neighbourhoods, members. Equal requests at work at once are one read of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.access.tokens import Grant
from gateway.bus.board_reader import BoardReader, Page, Row
from gateway.bus.errors import BusError
from gateway.edge.context import Context
from gateway.edge.failures import NotFound, Unavailable, UnknownChannel, Unprocessable
from gateway.edge.guard import Guard
from gateway.edge.hub import Hub
from gateway.edge.joining import Joining
from gateway.edge.parameters import names, text, whole, word
from gateway.edge.validated import validated
from gateway.model.boards import MEMBER_MAX_CHARS, board_channel, is_member, parse_board
from gateway.model.finding import folded, is_found
from gateway.model.names import CHANNEL_MAX_ID_CHARS

T = TypeVar("T")

BOARD_CACHE = "public, s-maxage=1, stale-while-revalidate=5"
LIMIT_DEFAULT, LIMIT_MAX = 100, 500
OFFSET_MAX = 10_000_000
SPAN_DEFAULT, SPAN_MAX = 10, 100
IDS_MAX = 200
MATCHES_MAX = 100
LOOKED_MAX = 5000
"""Boards looked at for one page, of which a viewer may see hardly any."""
FOUND_DEFAULT, FOUND_MAX = 20, 100


class BoardPage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Rows of a board.

    Args:
        complete: all that is known to have happened is counted.
        as_of_ms: up to when, unix ms.
        member: whose neighbourhood it is.
    """

    board: str
    complete: bool = msgspec.field()
    as_of_ms: int
    total: int
    offset: int | msgspec.UnsetType = msgspec.UNSET
    member: str = ""
    rows: list[Row] = msgspec.field()


class ListedBoard(msgspec.Struct):
    """A board in the list of boards."""

    board: str
    metric: str
    scope: str
    members: int
    complete: bool
    as_of_ms: int


class BoardList(msgspec.Struct):
    """Boards by name; `next` is the cursor of the next page."""

    boards: list[ListedBoard]
    next: str | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """A board, or the rows of it that are shown."""

    board: str
    complete: bool
    as_of_ms: int
    total: int
    rows: list[Row]


def _rows_of(document: dict[str, Any]) -> list[Row]:
    """The rows of a board's document, by rank; one whose rank or points are hidden is left out."""
    rows = [
        Row(fields["rank"], member, fields["points"], fields.get("name", ""))
        for member, fields in document.get("rows", {}).items()
        if {"rank", "points"} <= fields.keys()
    ]
    return sorted(rows, key=lambda row: row.rank)


class Leaderboards:
    """The routes of one worker.

    A delayed audience reads the top hundred as the board's channel shows them to it now: the store has only what is newest.
    """

    def __init__(self, context: Context, hub: Hub, guard: Guard, reader: BoardReader) -> None:
        self._context = context
        self._hub = hub
        self._guard = guard
        self._reader = reader
        self._joining = Joining()

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route("/v1/leaderboards", self.listed, methods=["GET"]),
            Route("/v1/leaderboards/{board}", self.page, methods=["GET"]),
            Route("/v1/leaderboards/{board}/around/{member:path}", self.around, methods=["GET"]),
            Route("/v1/leaderboards/{board}/members", self.members, methods=["GET"]),
            Route("/v1/leaderboards/{board}/search", self.search, methods=["GET"]),
        ]

    # -- routes ------------------------------------------------------------------------------------------------

    async def listed(self, request: Request) -> Response:
        """The boards that the viewer may see, by name."""
        grant = self._guard.grant_of(request)
        limit = whole(request, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        after = text(request, "after") or ""
        all_but_matches = word(request, "matches", ("true", "false")) == "false"
        of = names(request, "match", MATCHES_MAX, MATCHES_MAX * (CHANNEL_MAX_ID_CHARS + 1))
        shown, cursor = await self._names(grant, after, limit, not all_but_matches, of)
        if self._context.audiences[grant.audience].delay_ms:
            found = await asyncio.gather(*(self._listed_late(name, grant.audience) for name in shown))
            late = BoardList([one for one in found if one is not None], cursor)
            return validated(request, late, grant, BOARD_CACHE, [(b.board, b.members, b.complete) for b in late.boards])
        totals = await self._read(self._reader.totals(shown))
        boards = []
        for name, total in zip(shown, totals, strict=True):
            metric, _, scope = name.partition(".")
            complete, as_of_ms = await self._read(self._reader.standing(name))
            boards.append(ListedBoard(name, metric, scope, total or 0, complete and total is not None, as_of_ms))
        answer = BoardList(boards, cursor)
        unstamped = [(b.board, b.members, b.complete) for b in boards]
        return validated(request, answer, grant, BOARD_CACHE, unstamped)

    async def _names(
        self, grant: Grant, after: str, limit: int, matches: bool, of: list[str] | None
    ) -> tuple[list[str], str | None]:
        """The next boards that the viewer may see, and where to go on: of many that may not be seen a page is short."""
        seen: list[str] = []
        last, looked, more = after, 0, True
        while len(seen) <= limit and looked < LOOKED_MAX and more:
            if of is not None:
                found = await self._once(("of", *of), partial(self._reader.of_matches, of))
                found, more = [name for name in found if matches and name > after], False
            else:
                key = ("boards", last, limit, matches)
                found = await self._once(key, partial(self._reader.listed, last, limit + 1, matches))
                more = len(found) > limit
            looked += len(found)
            last = found[-1] if found else last
            seen += [name for name in found if grant.may("watch", board_channel(name))]
        if len(seen) > limit:
            return seen[:limit], seen[limit - 1]
        return seen, last if more else None

    async def page(self, request: Request) -> Response:
        """A page; the top hundred by default."""
        board, grant = self._board(request)
        offset = whole(request, "offset", 0, 0, OFFSET_MAX)
        limit = whole(request, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        if (late := await self._late(board, grant)) is not None:
            return self._told(request, grant, late, late.rows[offset : offset + limit], offset=offset)
        page = await self._once(("page", board, offset, limit), lambda: self._reader.page(board, offset, limit))
        return await self._shown(request, grant, board, page, offset=offset)

    async def around(self, request: Request) -> Response:
        """A member and its neighbours."""
        board, grant = self._board(request)
        span = whole(request, "span", SPAN_DEFAULT, 0, SPAN_MAX)
        member = _member(request.path_params["member"], "member")
        if (late := await self._late(board, grant)) is not None:
            place = next((number for number, row in enumerate(late.rows) if row.member == member), None)
            if place is None:
                raise NotFound("this board does not have that member", "member")
            first = max(0, place - span)
            return self._told(request, grant, late, late.rows[first : place + span + 1], first, member)
        page = await self._once(("around", board, member, span), lambda: self._reader.around(board, member, span))
        if page is None:
            raise NotFound("this board does not have that member", "member")
        return await self._shown(request, grant, board, page, offset=page.offset, member=member)

    async def members(self, request: Request) -> Response:
        """Chosen members (friends), with their ranks."""
        board, grant = self._board(request)
        ids = names(request, "ids", IDS_MAX, IDS_MAX * (MEMBER_MAX_CHARS + 1))
        if ids is None:
            raise Unprocessable(f"ids is 1 to {IDS_MAX} names with commas between them", "ids")
        for one in ids:
            _member(one, "ids")
        if (late := await self._late(board, grant)) is not None:
            return self._told(request, grant, late, [row for row in late.rows if row.member in ids])
        page = await self._once(("members", board, *ids), lambda: self._reader.members(board, ids))
        return await self._shown(request, grant, board, page)

    async def search(self, request: Request) -> Response:
        """Members whose id, name or a word of it begins so."""
        board, grant = self._board(request)
        limit = whole(request, "limit", FOUND_DEFAULT, 1, FOUND_MAX)
        wanted = folded(_member(text(request, "q", MEMBER_MAX_CHARS) or "", "q"))
        if not wanted:
            raise Unprocessable("q has at least one letter, digit or sign", "q")
        if (late := await self._late(board, grant)) is not None:
            rows = [row for row in late.rows if is_found(wanted, row.member, row.name)]
            return self._told(request, grant, late, rows[:limit])
        page = await self._once(("search", board, wanted, limit), lambda: self._reader.search(board, wanted, limit))
        if self._context.audiences[grant.audience].hidden:
            # Not by a name that is hidden.
            shown = [row for row in self._projected(page.rows, grant) if is_found(wanted, row.member, row.name)]
            page = replace(page, rows=shown)
        return await self._shown(request, grant, board, page)

    # -- work --------------------------------------------------------------------------------------------------

    def _board(self, request: Request) -> tuple[str, Grant]:
        board = request.path_params["board"]
        if parse_board(board) is None:
            raise NotFound("there is no such board", "board")
        grant = self._guard.grant_of(request)
        self._guard.check_scope(grant, "watch", board_channel(board))
        return board, grant

    async def _shown(
        self, request: Request, grant: Grant, board: str, page: Page, offset: int | None = None, member: str = ""
    ) -> Response:
        if not page.known:
            raise NotFound("there is no such board", "board")
        complete, as_of_ms = await self._read(self._reader.standing(board))
        complete = complete and not page.broken
        rows = self._projected(page.rows, grant)
        return self._told(request, grant, _Shown(board, complete, as_of_ms, page.total, rows), rows, offset, member)

    @staticmethod
    def _told(
        request: Request, grant: Grant, shown: _Shown, rows: list[Row], offset: int | None = None, member: str = ""
    ) -> Response:
        answer = BoardPage(
            board=shown.board,
            complete=shown.complete,
            as_of_ms=shown.as_of_ms,
            total=shown.total,
            offset=msgspec.UNSET if offset is None else offset,
            member=member,
            rows=rows,
        )
        return validated(request, answer, grant, BOARD_CACHE, (shown.complete, shown.total, offset, rows))

    # -- audiences ---------------------------------------------------------------------------------------------

    def _projected(self, rows: list[Row], grant: Grant) -> list[Row]:
        """The rows as the board's channel would show them to the audience."""
        audience = self._context.audiences[grant.audience]
        if not audience.hidden:
            return rows
        document = {"rows": {row.member: {"rank": row.rank, "points": row.points, "name": row.name} for row in rows}}
        return _rows_of(audience.project_doc(document))

    async def _late(self, board: str, grant: Grant) -> _Shown | None:
        """The board as a delayed audience sees it; None for an audience without a delay.

        Raises:
            NotFound: it may not see anything of it yet.
        """
        if not self._context.audiences[grant.audience].delay_ms:
            return None
        try:
            document = (await self._hub.outlet(board_channel(board), grant.audience)).view.doc
        except UnknownChannel:
            document = {}
        if not isinstance(document, dict) or "total" not in document:
            raise NotFound("there is no such board", "board")
        return _Shown(
            board, document.get("complete", False), document.get("as_of_ms", 0), document["total"], _rows_of(document)
        )

    async def _listed_late(self, board: str, audience: str) -> ListedBoard | None:
        try:
            document = (await self._hub.outlet(board_channel(board), audience)).view.doc
        except UnknownChannel:
            return None
        if not isinstance(document, dict) or "total" not in document:
            return None
        metric, _, scope = board.partition(".")
        complete, as_of_ms = document.get("complete", False), document.get("as_of_ms", 0)
        return ListedBoard(board, metric, scope, document["total"], complete, as_of_ms)

    async def _once(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        return await self._joining.once(key, lambda: self._read(read()))

    @staticmethod
    async def _read(call: Awaitable[T]) -> T:
        try:
            return await call
        except BusError:
            raise Unavailable("boards cannot be read now") from None


def _member(name: str, field: str) -> str:
    if not is_member(name):
        raise Unprocessable(f"a member has 1 to {MEMBER_MAX_CHARS} printable characters", field)
    return name

"""The HTTP routes that read boards: pages, neighbourhoods, members. Equal requests at work at once are one read of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any
from zlib import crc32

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.access.tokens import Grant
from gateway.bus.board_reader import BoardReader, Page, Row
from gateway.bus.errors import BusError
from gateway.edge.failures import NotFound, Unavailable, Unprocessable
from gateway.edge.guard import Guard
from gateway.edge.parameters import text, whole
from gateway.model.boards import MEMBER_MAX_CHARS, board_channel, is_member, parse_board

BOARD_CACHE = "public, s-maxage=1, stale-while-revalidate=5"
PRIVATE_CACHE = "private, no-cache"
LIMIT_DEFAULT, LIMIT_MAX = 100, 500
OFFSET_MAX = 10_000_000
SPAN_DEFAULT, SPAN_MAX = 10, 100
IDS_MAX = 200


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


class Leaderboards:
    """The routes of one worker."""

    def __init__(self, guard: Guard, reader: BoardReader) -> None:
        self._guard = guard
        self._reader = reader
        self._working: dict[Hashable, asyncio.Task[Any]] = {}

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route("/v1/leaderboards", self.listed, methods=["GET"]),
            Route("/v1/leaderboards/{board}", self.page, methods=["GET"]),
            Route("/v1/leaderboards/{board}/around/{member:path}", self.around, methods=["GET"]),
            Route("/v1/leaderboards/{board}/members", self.members, methods=["GET"]),
        ]

    # -- routes ------------------------------------------------------------------------------------------------

    async def listed(self, request: Request) -> Response:
        """The boards that the viewer may see, by name."""
        grant = self._guard.grant_of(request)
        limit = whole(request, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        after = text(request, "after") or ""
        names = await self._once("boards", self._reader.boards)
        seen = [name for name in names if name > after and grant.may("watch", board_channel(name))]
        shown = seen[:limit]
        totals = await self._read(self._reader.totals(shown))
        boards = []
        for name, total in zip(shown, totals, strict=True):
            metric, _, scope = name.partition(".")
            complete, as_of_ms = await self._read(self._reader.standing(name))
            if total:
                boards.append(ListedBoard(name, metric, scope, total, complete, as_of_ms))
        answer = BoardList(boards, shown[-1] if len(seen) > limit else None)
        unstamped = [(b.board, b.members, b.complete) for b in boards]
        return _answer(request, grant, answer, unstamped)

    async def page(self, request: Request) -> Response:
        """A page; the top hundred by default."""
        board, grant = self._board(request)
        offset = whole(request, "offset", 0, 0, OFFSET_MAX)
        limit = whole(request, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        page = await self._once((board, offset, limit), lambda: self._reader.page(board, offset, limit))
        return await self._shown(request, grant, board, page, offset=offset)

    async def around(self, request: Request) -> Response:
        """A member and its neighbours."""
        board, grant = self._board(request)
        span = whole(request, "span", SPAN_DEFAULT, 0, SPAN_MAX)
        member = _member(request.path_params["member"], "member")
        page = await self._once((board, member, span), lambda: self._reader.around(board, member, span))
        if page is None:
            raise NotFound("this board does not have that member", "member")
        return await self._shown(request, grant, board, page, offset=page.offset, member=member)

    async def members(self, request: Request) -> Response:
        """Chosen members (friends), with their ranks."""
        board, grant = self._board(request)
        ids = [
            _member(one, "ids") for one in (text(request, "ids", IDS_MAX * MEMBER_MAX_CHARS) or "").split(",") if one
        ]
        if not 0 < len(ids) <= IDS_MAX:
            raise Unprocessable(f"ids names 1 to {IDS_MAX} members, with commas between", "ids")
        page = await self._once((board, *ids), lambda: self._reader.members(board, ids))
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
        if not page.total and not page.broken:
            raise NotFound("there is no such board", "board")
        complete, as_of_ms = await self._read(self._reader.standing(board))
        complete = complete and not page.broken
        answer = BoardPage(
            board=board,
            complete=complete,
            as_of_ms=as_of_ms,
            total=page.total,
            offset=msgspec.UNSET if offset is None else offset,
            member=member,
            rows=page.rows,
        )
        return _answer(request, grant, answer, (complete, page.total, offset, page.rows))

    async def _once(self, key: Hashable, read: Callable[[], Awaitable[Any]]) -> Any:
        """The answer of one read for all equal requests at work now."""
        task = self._working.get(key)
        if task is None:
            task = asyncio.ensure_future(self._read(read()))
            self._working[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    def _finished(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        self._working.pop(key, None)
        if not task.cancelled():
            # Whoever asked may be gone; the failure was for him.
            task.exception()

    @staticmethod
    async def _read(call: Awaitable[Any]) -> Any:
        try:
            return await call
        except BusError:
            raise Unavailable("boards cannot be read now") from None


def _member(name: str, field: str) -> str:
    if not is_member(name):
        raise Unprocessable(f"a member has 1 to {MEMBER_MAX_CHARS} printable characters", field)
    return name


def _answer(request: Request, grant: Grant, answer: msgspec.Struct, unstamped: object) -> Response:
    """The answer with a weak ETag: it is the same answer when only the time up to which it holds has moved."""
    etag = f'W/"{crc32(msgspec.json.encode((request.url.path, unstamped))):08x}"'
    cache = BOARD_CACHE if grant.subject == "" else PRIVATE_CACHE
    headers = {"etag": etag, "cache-control": cache, "vary": "Authorization, Origin"}
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(msgspec.json.encode(answer), 200, headers, media_type="application/json")

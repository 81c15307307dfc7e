"""The HTTP routes that read the past: events of a channel, lists and summaries of matches, players' stats.

What an audience may not see live it does not see here: hidden paths are projected away, and a delay cuts off what is too new.
Equal requests of one audience at work at once are one read of the history.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.access.tokens import Grant
from gateway.edge.archive_answers import (
    CoursePoint,
    EventPage,
    HeadToHead,
    ListedMatch,
    MatchCourse,
    MatchList,
    MatchSummary,
    PlayerStats,
    RecentMatch,
    ShownEvent,
    Streak,
    SummedPlayer,
)
from gateway.edge.context import Context
from gateway.edge.failures import NotFound, Unavailable, UnknownChannel, Unprocessable
from gateway.edge.guard import Guard
from gateway.edge.hub import Hub
from gateway.edge.joining import Joining
from gateway.edge.parameters import names, text, whole, word
from gateway.edge.validated import validated
from gateway.history.course import Courses, Point
from gateway.history.cursors import BadCursor, EventCursor, MatchCursor, RowCursor, parse_match_cursor
from gateway.history.database import Database
from gateway.history.errors import HistoryError
from gateway.history.matches import Matches, MatchRow, PlayerLine
from gateway.history.reader import Reader, Shown
from gateway.model.audience import Audience
from gateway.model.names import LOBBY
from gateway.model.rules import STATUSES

T = TypeVar("T")

SETTLED_CACHE = "public, s-maxage=30, stale-while-revalidate=60"
"""For a full page of the past: it changes only when a store has lost what it had acknowledged."""
FRESH_CACHE = "public, s-maxage=1, stale-while-revalidate=5"
STATS_CACHE = "public, s-maxage=10, stale-while-revalidate=60"
EVENTS_DEFAULT, EVENTS_MAX = 100, 1000
MATCHES_DEFAULT, MATCHES_MAX = 100, 500
RECENT_MATCHES = 10
SCANS_MAX = 8
"""Reads for one page of which hardly any event is to be shown; then the page is short, and `next` goes on."""
OPS_MAX = 32
CHOSEN_SCAN = 500
"""Events looked at in one read where only some ops are wanted."""
LAST_INDEX = 100_000
PAST = ("ended", "scheduled")
"""What the history adds to the live list; a match that is live is in that list."""


class Archive:
    """The routes of one worker.

    Args:
        database: the history's; None where there is none.
    """

    def __init__(self, context: Context, hub: Hub, guard: Guard, database: Database | None) -> None:
        self._context = context
        self._hub = hub
        self._guard = guard
        self._reader = Reader(database, context.channel_limits) if database is not None else None
        self._matches = Matches(database) if database is not None else None
        self._courses = Courses(self._reader) if self._reader is not None else None
        self._joining = Joining()

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route("/v1/channels/{channel}/events", self.events, methods=["GET"]),
            Route("/v1/matches", self.listed, methods=["GET"]),
            Route("/v1/matches/{id}/course", self.course, methods=["GET"]),
            Route("/v1/matches/{id}/summary", self.summary, methods=["GET"]),
            Route("/v1/players/{id}/stats", self.stats, methods=["GET"]),
        ]

    def _audience(self, grant: Grant) -> tuple[Audience, int]:
        """The audience, and the time up to which it may see."""
        audience = self._context.audiences[grant.audience]
        return audience, self._context.now_ms() - audience.delay_ms

    # -- events ------------------------------------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        """A page of a channel's events."""
        name = self._guard.check_channel(request.path_params["channel"])
        grant = self._guard.grant_of(request)
        self._guard.check_scope(grant, "watch", name)
        limit = whole(request, "limit", EVENTS_DEFAULT, 1, EVENTS_MAX)
        chosen = names(request, "ops", OPS_MAX)
        ops = frozenset(chosen) if chosen is not None else None
        after, before = text(request, "after"), text(request, "before")
        if after is not None and before is not None:
            raise Unprocessable("after and before exclude each other", "before")
        start = _cursor("after", after, LAST_INDEX) if after else None
        end = _cursor("before", before, 0) if before else None
        reader = self._kept(self._reader)
        audience, until_ms = self._audience(grant)
        backwards = before is not None

        async def read() -> EventPage | None:
            newest = await reader.newest_epoch(name)
            if newest is None:
                return None
            shown, more = await self._page(reader, name, audience, until_ms, start, end, backwards, limit, ops)
            return EventPage(
                name,
                min(newest.last_at_ms, until_ms),
                [ShownEvent(f"{c.epoch}-{c.seq}", c.index, at_ms, event) for c, at_ms, event in shown],
                str(more) if more is not None else None,
            )

        page = await self._once(("events", name, grant.audience, start, end, backwards, limit, ops), read)
        if page is None:
            # Not stored yet: it may be a channel all the same.
            await self._hub.outlet(name, grant.audience)
            return validated(request, EventPage(name, self._context.now_ms(), [], None), grant, FRESH_CACHE)
        return validated(request, page, grant, SETTLED_CACHE if page.next is not None else FRESH_CACHE)

    @staticmethod
    async def _page(
        reader: Reader,
        name: str,
        audience: Audience,
        until_ms: int,
        start: EventCursor | None,
        end: EventCursor | None,
        backwards: bool,
        limit: int,
        ops: frozenset[str] | None,
    ) -> tuple[list[tuple[EventCursor, int, dict[str, Any]]], EventCursor | None]:
        """Up to `limit` events that the audience may see, and where to go on."""
        count = 1 + (limit if ops is None else max(limit, CHOSEN_SCAN))
        page: list[tuple[EventCursor, int, dict[str, Any]]] = []
        last: EventCursor | None = None
        for _ in range(SCANS_MAX):
            found: list[Shown] = (
                await reader.events_before(name, end, until_ms, count)
                if backwards
                else await reader.events_after(name, start, until_ms, count)
            )
            for one in found[: count - 1]:
                if len(page) == limit:
                    return page, last
                last = start = end = one.cursor
                event = audience.project_event(one.event)
                if event is not None and (ops is None or event.get("op") in ops):
                    page.append((one.cursor, one.at_ms, event))
            if len(found) < count:
                return page, None
            if len(page) == limit:
                return page, last
        return page, last

    # -- matches -----------------------------------------------------------------------------------------------

    async def listed(self, request: Request) -> Response:
        """Live matches by id, then those of the history, newest first."""
        grant = self._guard.grant_of(request)
        self._guard.check_scope(grant, "watch", LOBBY)
        status = word(request, "status", STATUSES)
        limit = whole(request, "limit", MATCHES_DEFAULT, 1, MATCHES_MAX)
        given = text(request, "after")
        try:
            after = parse_match_cursor(given) if given else None
        except BadCursor:
            raise Unprocessable("is not a cursor that this API gave out", "after") from None
        audience, until_ms = self._audience(grant)
        rows = await self._live_rows(grant)
        found: list[ListedMatch] = []
        if not isinstance(after, MatchCursor):
            wanted = [name for name in sorted(rows) if status is None or rows[name].get("status") == status]
            if isinstance(after, RowCursor):
                wanted = [name for name in wanted if name > after.match]
            found = [_listed(name, rows[name], audience) for name in wanted[:limit]]
            if len(wanted) > limit:
                return validated(request, MatchList(found, str(RowCursor(found[-1].id))), grant, FRESH_CACHE)
        past = [word for word in PAST if status in (None, word)]
        page = MatchList(found, None)
        if past and self._matches is not None:
            cursor = after if isinstance(after, MatchCursor) else None
            try:
                await self._add_past(self._matches, page, rows, tuple(past), cursor, limit, until_ms, audience)
            except Unavailable:
                page.complete = False
        return validated(request, page, grant, FRESH_CACHE)

    async def _live_rows(self, grant: Grant) -> dict[str, dict[str, Any]]:
        try:
            outlet = await self._hub.outlet(LOBBY, grant.audience)
        except UnknownChannel:
            return {}
        rows = outlet.view.doc.get("matches", {}) if isinstance(outlet.view.doc, dict) else {}
        return {name: row for name, row in rows.items() if isinstance(row, dict)} if isinstance(rows, dict) else {}

    async def _add_past(
        self,
        matches: Matches,
        page: MatchList,
        live: dict[str, dict[str, Any]],
        statuses: tuple[str, ...],
        after: MatchCursor | None,
        limit: int,
        until_ms: int,
        audience: Audience,
    ) -> None:
        while len(page.matches) < limit:
            count = limit - len(page.matches) + 1
            key = ("matches", statuses, after, count, audience.name)
            found = await self._once(key, partial(matches.listed, statuses, after, count, until_ms))
            for row in found[: count - 1]:
                after = row.cursor
                if row.match not in live:
                    page.matches.append(_past(row, audience))
            if len(found) < count:
                return
        page.next = str(after) if after is not None else f"h.{until_ms}.1.0"

    # -- one match, one player ---------------------------------------------------------------------------------

    async def course(self, request: Request) -> Response:
        """How a match came to where it is."""
        name = self._guard.check_channel(f"match:{request.path_params['id']}")
        grant = self._guard.grant_of(request)
        self._guard.check_scope(grant, "watch", name)
        courses, matches = self._kept(self._courses), self._kept(self._matches)
        audience, until_ms = self._audience(grant)

        async def read() -> tuple[MatchRow | None, list[Point] | None, int]:
            return await matches.newest(name, until_ms), await courses.of(name, until_ms), until_ms

        row, points, until_ms = await self._once(("course", name, grant.audience), read)
        if row is None or points is None:
            raise NotFound("there is no such match", "id")
        shown = [
            CoursePoint(str(point.position), point.at_ms, **audience.project_doc(point.outline)) for point in points
        ]
        answer = MatchCourse(row.match, row.started_ms, min(row.updated_ms, until_ms), shown)
        return validated(request, answer, grant, STATS_CACHE)

    async def summary(self, request: Request) -> Response:
        """A match's result and its players' totals."""
        name = self._guard.check_channel(f"match:{request.path_params['id']}")
        grant = self._guard.grant_of(request)
        self._guard.check_scope(grant, "watch", name)
        matches, reader = self._kept(self._matches), self._kept(self._reader)
        audience, until_ms = self._audience(grant)

        async def read() -> MatchSummary:
            row = await matches.newest(name, until_ms)
            if row is None:
                raise NotFound("there is no such match", "id")
            players = await matches.players(row)
            document: dict[str, Any] = {"title": row.title, "game": row.game, "status": row.status,
                                        "teams": row.teams, "winner": row.winner}  # fmt: skip
            ended_ms, as_of_ms, events = row.ended_ms, row.updated_ms, row.events
            if row.updated_ms > until_ms:
                document, players, events = await _as_it_was(reader, matches, name, row, until_ms)
                ended_ms, as_of_ms = None, until_ms
            shown = audience.project_doc({**document, "players": {p: _flat(line) for p, line in players.items()}})
            return MatchSummary(
                row.match,
                shown.get("status", "live"),
                row.started_ms,
                {player: _summed(fields, players[player]) for player, fields in shown.get("players", {}).items()},
                events,
                as_of_ms,
                shown.get("title"),
                shown.get("game"),
                ended_ms,
                shown.get("teams"),
                shown.get("winner"),
            )

        return validated(request, await self._once(("summary", name, grant.audience), read), grant, STATS_CACHE)

    async def stats(self, request: Request) -> Response:
        """What a player has done over all matches."""
        grant = self._guard.grant_of(request)
        self._guard.check_scope(grant, "watch", LOBBY)
        player = request.path_params["id"]
        if len(player) > 256 or "\0" in player:
            raise NotFound("there is no such player", "id")
        matches = self._kept(self._matches)
        audience, until_ms = self._audience(grant)
        now_ms = self._context.now_ms()
        read = partial(matches.record, player, RECENT_MATCHES, until_ms if audience.delay_ms else None, now_ms)
        record = await self._once(("stats", player, grant.audience), read)
        if record is None:
            raise NotFound("there is no such player", "id")

        def seen(who: str, fields: dict[str, Any]) -> dict[str, Any]:
            shown: dict[str, Any] = audience.project_doc({"players": {who: fields}}).get("players", {}).get(who, {})
            return shown

        tells = audience.project_doc({"title": True, "status": True, "winner": True})
        told = {"status", "winner"} <= tells.keys()

        mine = seen(player, {**record.totals, "name": record.name})
        totals = {metric: value for metric, value in record.totals.items() if metric in mine}
        answer = PlayerStats(
            player,
            mine.get("name"),
            record.as_of_ms,
            max(0, now_ms - record.as_of_ms),
            record.matches,
            totals,
            {f"{metric}_per_match": round(value / record.matches, 3) for metric, value in totals.items()},
            Streak(*record.streak) if record.streak is not None and told else None,
            [
                RecentMatch(
                    one.match,
                    one.title if "title" in tells else None,
                    seen(player, {"team": one.team}).get("team"),
                    one.result if told else None,
                    {metric: value for metric, value in one.totals.items() if metric in seen(player, one.totals)},
                    one.ended_ms,
                )
                for one in record.recent
            ],
            [
                HeadToHead(opponent, seen(opponent, {"name": name}).get("name"), kills, deaths)
                for opponent, name, kills, deaths in record.duels
            ]
            if {"kills", "deaths"} <= seen(player, {"kills": 0, "deaths": 0}).keys()
            else [],
        )
        return validated(request, answer, grant, STATS_CACHE, msgspec.structs.replace(answer, age_ms=0))

    async def _once(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """One read for all equal requests at work; who joins it sees up to when it was begun.

        Args:
            key: what is asked, and the audience.

        Raises:
            Unavailable: and what the read raises.
        """

        async def guarded() -> T:
            try:
                return await read()
            except HistoryError:
                raise Unavailable("the history cannot be read now") from None

        return await self._joining.once(key, guarded)

    @staticmethod
    def _kept(part: T | None) -> T:
        if part is None:
            raise NotFound("this gateway keeps no history")
        return part


async def _as_it_was(
    reader: Reader, matches: Matches, name: str, row: MatchRow, until_ms: int
) -> tuple[dict[str, Any], dict[str, PlayerLine], int]:
    """The match's document at a time, what its players had done by then, and how many events it had."""
    found = await reader.epoch_at(name, until_ms)
    if found is None:
        raise NotFound("there is no such match", "id")
    epoch, seq = found
    document = (await reader.channel_at(name, epoch, seq)).doc
    totals, events = await matches.as_it_was(row, epoch.epoch, seq)
    known = document.get("players")
    rows = known if isinstance(known, dict) else {}
    players = {player: PlayerLine(_word(fields, "name"), _word(fields, "team")) for player, fields in rows.items()}
    for player, figures in totals.items():
        players.setdefault(player, PlayerLine()).totals = figures
    return document, players, events


def _word(fields: Any, name: str) -> str | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, str) else None


def _flat(line: PlayerLine) -> dict[str, Any]:
    """A player as the document has it, so that the audience's paths fit."""
    return {**line.totals, "name": line.name, "team": line.team}


def _summed(fields: dict[str, Any], line: PlayerLine) -> SummedPlayer:
    totals = {metric: value for metric, value in line.totals.items() if metric in fields}
    return SummedPlayer(totals, fields.get("name"), fields.get("team"))


def _listed(match: str, row: dict[str, Any], audience: Audience) -> ListedMatch:
    """A row of the live list; parts of an unexpected form are left out."""
    shown = audience.project_doc(row)

    def part(name: str, kind: type) -> Any:
        value = shown.get(name)
        return value if isinstance(value, kind) and not isinstance(value, bool) else None

    return ListedMatch(
        match,
        f"match:{match}",
        part("status", str),
        part("title", str),
        part("game", str),
        part("teams", dict),
        part("clock", dict),
        part("viewers", int),
        part("winner", str),
        part("started_ms", int),
        part("ended_ms", int),
    )


def _past(row: MatchRow, audience: Audience) -> ListedMatch:
    fields = ("status", "title", "game", "teams", "clock", "winner", "started_ms", "ended_ms")
    return _listed(row.match, {name: getattr(row, name) for name in fields}, audience)


def _cursor(field: str, given: str, whole_entry_index: int) -> EventCursor:
    try:
        return EventCursor.parse(given, whole_entry_index)
    except BadCursor:
        raise Unprocessable("is not a position like 7-42 or 7-42.0", field) from None

"""Reads matches and players: lists, summaries, and what a player has done over all matches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.history.cursors import MatchCursor
from gateway.history.database import Database

ROW = """
m.channel_id, m.run, m.match, m.title, m.game, m.status, m.winner, m.teams, m.clock, m.started_ms, m.ended_ms,
m.updated_ms, m.events
"""
NEWEST_RUN = "NOT EXISTS (SELECT 1 FROM matches n WHERE n.channel_id = m.channel_id AND n.run > m.run)"
LIST = f"""
SELECT {ROW} FROM matches m
WHERE m.status = $1 AND (m.updated_ms, m.channel_id, m.run) < ($2, $3, $4) AND {NEWEST_RUN}
ORDER BY m.updated_ms DESC, m.channel_id DESC, m.run DESC LIMIT $5
"""
ONE = (
    f"SELECT {ROW} FROM matches m JOIN channels c ON c.id = m.channel_id WHERE c.name = $1 AND m.started_ms <= $2 "
    "ORDER BY m.run DESC LIMIT 1"
)
PLAYERS = "SELECT player, name, team FROM match_players WHERE channel_id = $1 AND run = $2"
TOTALS = "SELECT player, metric, total FROM match_totals WHERE channel_id = $1 AND run = $2"
PAST_POINTS = """
SELECT p.member, p.metric, sum(p.points) AS total
FROM epochs e JOIN points p ON p.epoch_id = e.id AND p.day BETWEEN e.first_day AND e.last_day
WHERE e.channel_id = $1 AND e.run = $2 AND NOT e.superseded AND (e.epoch, p.seq) <= ($3, $4) AND (e.epoch, p.seq) > ($5, $6)
GROUP BY 1, 2
"""
PAST_VOID = """
SELECT e.epoch, v.seq FROM epochs e JOIN voids v ON v.epoch_id = e.id
WHERE e.channel_id = $1 AND NOT e.superseded AND (e.epoch, v.seq) <= ($2, $3) ORDER BY 1 DESC, 2 DESC LIMIT 1
"""
LATE_EVENTS = """
SELECT coalesce(sum(n.events), 0) AS events
FROM epochs e JOIN entries n ON n.epoch_id = e.id AND n.events > 0 AND n.day BETWEEN e.first_day AND e.last_day
WHERE e.channel_id = $1 AND e.run = $2 AND e.epoch >= $3 AND NOT e.superseded AND (e.epoch, n.seq) > ($3, $4)
"""
RECENT = """
SELECT m.match, m.title, m.status, m.winner, m.ended_ms, m.channel_id, m.run, p.team, p.name
FROM match_players p JOIN matches m USING (channel_id, run)
WHERE p.player = $1 AND m.updated_ms <= $2
ORDER BY m.updated_ms DESC, m.channel_id DESC, m.run DESC LIMIT $3
"""
RECENT_TOTALS = """
SELECT t.channel_id, t.run, t.metric, t.total FROM match_totals t
JOIN unnest($2::integer[], $3::integer[]) AS wanted(channel_id, run) USING (channel_id, run) WHERE t.player = $1
"""
VIEW_MATCHES = "SELECT name, matches FROM player_matches WHERE player = $1"
VIEW_TOTALS = "SELECT metric, total FROM player_totals WHERE player = $1"
VIEW_DUELS = """
SELECT d.opponent, o.name, d.kills, d.deaths FROM player_duels d LEFT JOIN player_matches o ON o.player = d.opponent
WHERE d.player = $1 ORDER BY d.kills + d.deaths DESC, d.opponent LIMIT $2
"""
VIEW_AGE = "SELECT as_of_ms FROM stats_refreshed"
OLD_MATCHES = """
SELECT (array_agg(p.name ORDER BY m.updated_ms DESC))[1] AS name, count(*) AS matches
FROM match_players p JOIN matches m USING (channel_id, run) WHERE p.player = $1 AND m.updated_ms <= $2
"""
OLD_TOTALS = """
SELECT t.metric, sum(t.total) AS total FROM match_totals t JOIN matches m USING (channel_id, run)
WHERE t.player = $1 AND m.updated_ms <= $2 GROUP BY 1
"""
OLD_DUELS = """
SELECT opponent, NULL AS name, sum(kills) AS kills, sum(deaths) AS deaths FROM (
    SELECT d.victim AS opponent, d.kills, 0 AS deaths FROM match_duels d JOIN matches m USING (channel_id, run)
    WHERE d.killer = $1 AND m.updated_ms <= $2
    UNION ALL
    SELECT d.killer, 0, d.kills FROM match_duels d JOIN matches m USING (channel_id, run)
    WHERE d.victim = $1 AND m.updated_ms <= $2
) AS both_sides GROUP BY 1 ORDER BY sum(kills) + sum(deaths) DESC, 1 LIMIT $3
"""
STREAK_MATCHES = 100
"""Matches that are looked at for a streak, and of which the newest are shown."""
DUELS_MAX = 50
FAR = MatchCursor(2**62, 2**31 - 1, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class MatchRow:
    """One run of a match as it is stored."""

    channel_id: int
    run: int
    match: str
    title: str | None
    game: str | None
    status: str
    winner: str | None
    teams: dict[str, Any] | None
    clock: dict[str, Any] | None
    started_ms: int
    ended_ms: int | None
    updated_ms: int
    events: int

    @property
    def cursor(self) -> MatchCursor:
        """Its place in lists."""
        return MatchCursor(self.updated_ms, self.channel_id, self.run)


@dataclass(slots=True)
class PlayerLine:
    """A player in one match."""

    name: str | None = None
    team: str | None = None
    totals: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Played:
    """A match in a player's record."""

    match: str
    title: str | None
    team: str | None
    result: str | None
    ended_ms: int | None
    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Record:
    """A player over all matches.

    Args:
        as_of_ms: when these figures were true.
        streak: kind and length; None before the first result.
        duels: opponent, name, kills, deaths.
    """

    name: str | None
    as_of_ms: int
    matches: int
    totals: dict[str, int]
    streak: tuple[str, int] | None
    recent: list[Played]
    duels: list[tuple[str, str | None, int, int]]


class Matches:
    """Reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(
        self, statuses: tuple[str, ...], after: MatchCursor | None, limit: int, until_ms: int
    ) -> list[MatchRow]:
        """Newest runs with one of these statuses that changed last before `until_ms`, newest first.

        Raises:
            Unavailable
        """
        start = after or FAR
        if start.updated_ms > until_ms:
            start = MatchCursor(until_ms + 1, 0, 0)
        found: list[MatchRow] = []
        for status in statuses:
            rows = await self._database.fetch(LIST, status, start.updated_ms, start.channel_id, start.run, limit)
            found += [_match(row) for row in rows]
        found.sort(key=lambda row: (row.updated_ms, row.channel_id, row.run), reverse=True)
        return found[:limit]

    async def newest(self, channel: str, until_ms: int) -> MatchRow | None:
        """The newest run of a match that had begun by then; None where there is none."""
        rows = await self._database.fetch(ONE, channel, until_ms)
        return _match(rows[0]) if rows else None

    async def players(self, match: MatchRow) -> dict[str, PlayerLine]:
        """Everybody who played in a run, or scored in it."""
        found: dict[str, PlayerLine] = {}
        for row in await self._database.fetch(PLAYERS, match.channel_id, match.run):
            found[row["player"]] = PlayerLine(row["name"], row["team"])
        for row in await self._database.fetch(TOTALS, match.channel_id, match.run):
            found.setdefault(row["player"], PlayerLine()).totals[row["metric"]] = int(row["total"])
        return found

    async def as_it_was(self, match: MatchRow, epoch: int, seq: int) -> tuple[dict[str, dict[str, int]], int]:
        """What players had done in the run up to an entry, by player and metric, and how many events it had until then."""
        void = await self._database.fetch(PAST_VOID, match.channel_id, epoch, seq)
        after = tuple(void[0]) if void else (-1, -1)
        found: dict[str, dict[str, int]] = {}
        for row in await self._database.fetch(PAST_POINTS, match.channel_id, match.run, epoch, seq, *after):
            found.setdefault(row["member"], {})[row["metric"]] = int(row["total"])
        late = await self._database.fetch(LATE_EVENTS, match.channel_id, match.run, epoch, seq)
        return found, match.events - int(late[0]["events"])

    async def record(self, player: str, recent: int, until_ms: int | None, now_ms: int) -> Record | None:
        """A player's record; None for one who has never played.

        Args:
            recent: how many of the last matches.
            until_ms: only matches that changed last before this, for who may not see newer ones; None for all.
        """
        played = await self._played(player, now_ms if until_ms is None else until_ms)
        if not played:
            return None
        fetch = self._database.fetch
        head = await fetch(VIEW_MATCHES, player) if until_ms is None else []
        if head:
            as_of_ms = int((await fetch(VIEW_AGE))[0]["as_of_ms"])
            totals, duels = await fetch(VIEW_TOTALS, player), await fetch(VIEW_DUELS, player, DUELS_MAX)
        else:
            # Not in the views yet, or not to be shown as the views have it.
            as_of_ms = now_ms if until_ms is None else until_ms
            head = await fetch(OLD_MATCHES, player, as_of_ms)
            totals = await fetch(OLD_TOTALS, player, as_of_ms)
            duels = await fetch(OLD_DUELS, player, as_of_ms, DUELS_MAX)
        return Record(
            head[0]["name"],
            as_of_ms,
            int(head[0]["matches"]),
            {row["metric"]: int(row["total"]) for row in totals},
            streak_of([one.result for one in played]),
            played[:recent],
            [(row["opponent"], row["name"], int(row["kills"]), int(row["deaths"])) for row in duels],
        )

    async def _played(self, player: str, until_ms: int) -> list[Played]:
        rows = await self._database.fetch(RECENT, player, until_ms, STREAK_MATCHES)
        totals: dict[tuple[int, int], dict[str, int]] = {}
        keys = [row["channel_id"] for row in rows], [row["run"] for row in rows]
        for row in await self._database.fetch(RECENT_TOTALS, player, *keys):
            totals.setdefault((row["channel_id"], row["run"]), {})[row["metric"]] = int(row["total"])
        return [
            Played(
                row["match"],
                row["title"],
                row["team"],
                result_of(row["status"], row["winner"], row["team"]),
                row["ended_ms"],
                totals.get((row["channel_id"], row["run"]), {}),
            )
            for row in rows
        ]


def result_of(status: str, winner: str | None, team: str | None) -> str | None:
    """How a match ended for a team: win, loss or draw; None for one that has not ended, and for who has no team."""
    if status != "ended" or team is None:
        return None
    if winner is None:
        return "draw"
    return "win" if winner == team else "loss"


def streak_of(results: list[str | None]) -> tuple[str, int] | None:
    """The kind and length of the newest run of equal results; matches without a result do not break it."""
    known = [result for result in results if result is not None]
    if not known:
        return None
    length = next((number for number, result in enumerate(known) if result != known[0]), len(known))
    return known[0], length


def _match(row: Any) -> MatchRow:
    fields = dict(row)
    for name in ("teams", "clock"):
        fields[name] = msgspec.json.decode(fields[name]) if fields[name] is not None else None
    return MatchRow(**fields)

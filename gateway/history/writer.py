"""Stores what scribes have noted: COPY and the positions' move in one transaction, so that everything is stored exactly once.

A position is moved only from the value that this writer knows: where another one has been at work, the transaction is
refused and the channel is opened anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from gateway.history.database import Database
from gateway.history.errors import HistoryError
from gateway.history.partitions import day_of, make_partitions
from gateway.history.scribe import Epoch, Match, Rows, Scribe, clock_ms_of, summary_of
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.errors import BadKeyframe
from gateway.model.names import kind_of
from gateway.model.version import Position

DAY_MS = 86_400_000
NOTHING = -1


class Overtaken(HistoryError):
    """Another writer has moved a channel's position: nothing was stored."""


class Writer:
    """Stores.

    Args:
        limits: of the channels that are folded.
    """

    def __init__(self, database: Database, limits: ChannelLimits) -> None:
        self._database = database
        self._limits = limits
        self._days: set[Any] = set()

    async def open(self, name: str) -> Scribe:
        """A scribe that goes on from the channel's stored position.

        Raises:
            Unavailable
        """
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO channels (name, kind) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, kind_of(name)
            )
            channel_id = await connection.fetchval("SELECT id FROM channels WHERE name = $1", name)
            next_run = await connection.fetchval(
                "SELECT coalesce(max(run) + 1, 0) FROM epochs WHERE channel_id = $1", channel_id
            )
            row = await connection.fetchrow(
                "SELECT * FROM epochs WHERE channel_id = $1 AND NOT superseded ORDER BY epoch DESC LIMIT 1", channel_id
            )
            if row is None:
                return Scribe(name, channel_id, self._limits, next_run=next_run)
            epoch = Epoch(
                row["epoch"], row["run"], channel_id, row["id"], row["last_seq"], row["last_seq"], row["digest"],
                row["entry_digest"], row["last_at_ms"], row["gaps"],
            )  # fmt: skip
            channel = await self._document(connection, name, epoch)
            match = await self._match(connection, channel_id, epoch.run) if kind_of(name) == "match" else None
            return Scribe(name, channel_id, self._limits, channel, epoch, match, next_run)

    async def _document(self, connection: Any, name: str, epoch: Epoch) -> Channel:
        """The document at the stored position: the newest keyframe, and what was stored after it."""
        found = await connection.fetchrow(
            "SELECT seq, frame FROM keyframes WHERE epoch_id = $1 ORDER BY seq DESC LIMIT 1", epoch.id
        )
        channel, after = Channel(name, self._limits, ring=False), NOTHING
        if found is not None:
            try:
                channel, after = Channel.from_keyframe(found["frame"], name, self._limits, ring=False), found["seq"]
            except BadKeyframe:
                # Of an older form: folded from the beginning.
                after = NOTHING
        epoch.since_keyframe, epoch.keyframe_clock_ms = 0, clock_ms_of(channel.doc)
        async with connection.transaction():
            query = "SELECT seq, t_ms, at_ms, raw FROM entries WHERE epoch_id = $1 AND seq > $2 ORDER BY seq"
            async for row in connection.cursor(query, epoch.id, after):
                channel.fold(Entry(Position(epoch.number, row["seq"]), row["t_ms"], row["raw"]), row["at_ms"])
                epoch.since_keyframe += 1
        return channel

    @staticmethod
    async def _match(connection: Any, channel_id: int, run: int) -> Match | None:
        row = await connection.fetchrow("SELECT * FROM matches WHERE channel_id = $1 AND run = $2", channel_id, run)
        if row is None:
            return None
        players = await connection.fetch(
            "SELECT player, name, team FROM match_players WHERE channel_id = $1 AND run = $2", channel_id, run
        )
        known = {player["player"]: (player["name"], player["team"]) for player in players}
        return Match(run, row["started_ms"], row["ended_ms"], row["updated_ms"], known)

    async def store(self, rows: Rows, now_ms: int) -> None:
        """Stores all rows in one transaction.

        Raises:
            Overtaken, Unavailable: nothing was stored, or (when the connection was lost at the very end) everything; the
                scribes that were touched are to be opened anew.
        """
        async with self._database.connection() as connection:
            await self._make_days(connection, now_ms, {row[2] for row in rows.entries})
            async with connection.transaction():
                await _move(connection, rows)
                await connection.copy_records_to_table(
                    "entries",
                    columns=("epoch_id", "seq", "day", "t_ms", "at_ms", "digest", "events", "raw"),
                    records=[(epoch.id, *rest) for epoch, *rest in rows.entries],
                )
                await connection.copy_records_to_table(
                    "points",
                    columns=("epoch_id", "seq", "day", "metric", "member", "points", "t_ms"),
                    records=[(epoch.id, *rest) for epoch, *rest in rows.points],
                )
                await connection.copy_records_to_table(
                    "keyframes",
                    columns=("epoch_id", "seq", "day", "frame"),
                    records=[(epoch.id, *rest) for epoch, *rest in rows.keyframes],
                )
                if rows.voids:
                    voids = [(epoch.id, seq) for epoch, seq in rows.voids]
                    await connection.copy_records_to_table("voids", columns=("epoch_id", "seq"), records=voids)
                await _matches(connection, rows)
        for epoch, _ in rows.epochs.values():
            epoch.stored_seq, epoch.events = epoch.noted_seq, 0
        for _, match, _ in rows.matches.values():
            match.unstored.clear()
            match.events = 0

    def forget(self) -> None:
        """The database may have lost what it had: nothing is taken to be there."""
        self._days.clear()

    async def _make_days(self, connection: Any, now_ms: int, days: set[Any]) -> None:
        wanted = days | {day_of(now_ms), day_of(now_ms + DAY_MS)}
        if not wanted <= self._days:
            await make_partitions(connection, sorted(wanted - self._days))
            self._days |= wanted


async def _move(connection: Any, rows: Rows) -> None:
    """Moves every position from the one that this writer knows."""
    for epoch, day in rows.epochs.values():
        moved = (epoch.noted_seq, epoch.digest, epoch.entry_digest, epoch.last_at_ms, epoch.events, epoch.gaps)
        if epoch.id is None:
            identity = await connection.fetchval(
                "INSERT INTO epochs (channel_id, epoch, run, last_seq, digest, entry_digest, last_at_ms, events, gaps, "
                "first_day, last_day) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) "
                "ON CONFLICT DO NOTHING RETURNING id",
                epoch.channel_id, epoch.number, epoch.run, *moved, day,
            )  # fmt: skip
            if identity is None:
                raise Overtaken("another writer has stored this epoch")
            epoch.id = identity
        else:
            done = await connection.fetchval(
                "UPDATE epochs SET last_seq = $3, digest = $4, entry_digest = $5, last_at_ms = $6, events = events + $7, "
                "gaps = $8, last_day = GREATEST(last_day, $9) "
                "WHERE id = $1 AND last_seq = $2 AND NOT superseded RETURNING id",
                epoch.id, epoch.stored_seq, *moved, day,
            )  # fmt: skip
            if done is None:
                raise Overtaken("another writer has moved this position")


async def _matches(connection: Any, rows: Rows) -> None:
    """The matches' own rows, and what players did in them; in one order, so that two writers cannot wait for each other."""
    await connection.executemany(
        "INSERT INTO matches AS m (channel_id, run, match, title, game, status, winner, teams, clock, started_ms, ended_ms, "
        "updated_ms, events) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
        "ON CONFLICT (channel_id, run) DO UPDATE SET title = $4, game = $5, status = $6, winner = $7, teams = $8, "
        "clock = $9, ended_ms = $11, updated_ms = $12, events = m.events + $13",
        [
            (*key, match_id, *summary_of(document), match.started_ms, match.ended_ms, match.updated_ms, match.events)
            for key, (match_id, match, document) in sorted(rows.matches.items(), key=lambda item: item[0])
        ],
    )
    await connection.executemany(
        "INSERT INTO match_players (channel_id, run, player, name, team) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (channel_id, run, player) DO UPDATE SET name = $4, team = $5",
        [
            (*key, player, name, team)
            for key, (_, match, _) in sorted(rows.matches.items(), key=lambda item: item[0])
            for player, (name, team) in sorted(match.unstored.items())
        ],
    )
    await take_back(connection, rows.voided)
    await add_totals(connection, rows.totals, rows.duels)


async def take_back(connection: Any, channels: Collection[int]) -> None:
    """Takes back all that players have done in these channels' matches."""
    for table in ("match_totals", "match_duels"):
        if channels:
            await connection.execute(f"DELETE FROM {table} WHERE channel_id = ANY($1::integer[])", sorted(channels))


async def add_totals(
    connection: Any, totals: Mapping[tuple[int, int, str, str], int], duels: Mapping[tuple[int, int, str, str], int]
) -> None:
    """Adds increments to what players have done in a match."""
    await connection.executemany(
        "INSERT INTO match_totals AS t (channel_id, run, player, metric, total) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (channel_id, run, player, metric) DO UPDATE SET total = t.total + $5",
        [(*key, Decimal(total)) for key, total in sorted(totals.items())],
    )
    await connection.executemany(
        "INSERT INTO match_duels AS d (channel_id, run, killer, victim, kills) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (channel_id, run, killer, victim) DO UPDATE SET kills = d.kills + $5",
        [(*key, kills) for key, kills in sorted(duels.items())],
    )

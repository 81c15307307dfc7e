"""After the store has come to tell another history: what it has lost leaves the history too, so that the two never mix.

Compares what is stored with what the stream still has, newest epoch first. What the stream has merely trimmed stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.history.database import Database
from gateway.history.scribe import duels_of
from gateway.history.writer import add_totals, take_back
from gateway.model.channel import ChannelLimits
from gateway.model.entry import Entry, decode_events, entry_digest_of
from gateway.model.errors import MalformedEntry
from gateway.model.rules import ENDED
from gateway.model.version import Position

PAGE = 500
NEWEST_VOID = """
SELECT e.epoch, v.seq FROM voids v JOIN epochs e ON e.id = v.epoch_id
WHERE e.channel_id = $1 AND NOT e.superseded ORDER BY e.epoch DESC, v.seq DESC LIMIT 1
"""
COUNTED = """
FROM epochs e JOIN matches m USING (channel_id, run) JOIN {0} t ON t.epoch_id = e.id
WHERE e.channel_id = $1 AND (NOT e.superseded OR m.status = 'ended') AND (e.epoch, t.seq) > ($2, $3)
"""

ReadStream = Callable[[Position | None, Position | None, int], Awaitable[list[Entry]]]
"""Entries of the channel's stream from one position to another, both inclusive, at most so many."""


async def reconcile(
    database: Database, name: str, newest: Position | None, read: ReadStream, limits: ChannelLimits
) -> int:
    """Makes a channel's history one that the stream confirms; returns how many entries it has lost.

    Args:
        newest: the last id that the stream gave out; None when there is no stream.

    Raises:
        Unavailable
        whatever `read` raises; nothing is changed half.
    """
    lost = 0
    rows = await database.fetch(
        "SELECT e.*, m.status FROM epochs e JOIN channels c ON c.id = e.channel_id "
        "LEFT JOIN matches m USING (channel_id, run) WHERE c.name = $1 AND NOT superseded ORDER BY epoch DESC",
        name,
    )
    first = await read(None, None, 1)
    oldest = first[0].position if first else None
    for row in rows:
        last = Position(row["epoch"], row["last_seq"])
        if newest is None and row["status"] == ENDED:
            # Deleted with its stream, after it was over: what replaces it, if anything does, has to speak against it.
            break
        if newest is not None and last <= newest and (oldest is None or last < oldest):
            # Trimmed, and nothing speaks against it.
            break
        common = await _common(database, row, read) if newest is not None else -1
        if common == row["last_seq"]:
            break
        lost += await _forget(database, row, common, limits)
        if common >= 0:
            break
    return lost


async def _common(database: Database, row: Any, read: ReadStream) -> int:
    """The last entry of the epoch that both have; -1 when there is none."""
    epoch, last_seq = row["epoch"], row["last_seq"]
    common, start = -1, Position(epoch, 0)
    while True:
        found = await read(start, Position(epoch, last_seq), PAGE)
        if not found:
            return common
        stored = await database.fetch(
            "SELECT seq, t_ms, raw FROM entries WHERE epoch_id = $1 AND seq = ANY($2::bigint[])",
            row["id"],
            [entry.position.seq for entry in found],
        )
        known = {
            entry["seq"]: entry_digest_of(Entry(Position(epoch, entry["seq"]), entry["t_ms"], entry["raw"]))
            for entry in stored
        }
        for entry in found:
            if known.get(entry.position.seq) != entry_digest_of(entry):
                return common
            common = entry.position.seq
        if len(found) < PAGE:
            return common
        start = found[-1].position.next


async def _forget(database: Database, row: Any, common: int, limits: ChannelLimits) -> int:
    """Removes an epoch's entries after `common`; an epoch that has nothing in common is superseded as a whole.

    A match that has ended stays in the records, also where its store was replaced by another.
    """
    async with database.connection() as connection, connection.transaction():
        epoch_id, channel_id, run = row["id"], row["channel_id"], row["run"]
        locked = await connection.fetchrow("SELECT last_seq, superseded FROM epochs WHERE id = $1 FOR UPDATE", epoch_id)
        if locked["superseded"] or locked["last_seq"] <= common:
            return 0
        status = await connection.fetchval(
            "SELECT status FROM matches WHERE channel_id = $1 AND run = $2", channel_id, run
        )
        if common < 0:
            await connection.execute("UPDATE epochs SET superseded = true WHERE id = $1", epoch_id)
            if status == ENDED:
                return int(locked["last_seq"]) + 1
        voided = await connection.fetch(
            "DELETE FROM voids WHERE epoch_id = $1 AND seq > $2 RETURNING seq", epoch_id, common
        )
        points = await connection.fetch(
            "SELECT member, metric, sum(points) AS total FROM points WHERE epoch_id = $1 AND seq > $2 GROUP BY 1, 2",
            epoch_id,
            common,
        )
        duels: Counter[tuple[int, int, str, str]] = Counter()
        events = 0
        async for entry in connection.cursor(
            "SELECT raw, events FROM entries WHERE epoch_id = $1 AND seq > $2 AND events > 0", epoch_id, common
        ):
            events += entry["events"]
            for killer, victim in _duels(entry["raw"], limits):
                duels[(channel_id, run, killer, victim)] -= 1
        if status is not None:
            # A void that is lost gives back what it took: then all is counted again below.
            totals = {(channel_id, run, p["member"], p["metric"]): -int(p["total"]) for p in points}
            await add_totals(connection, totals, duels)
            await connection.execute(
                "UPDATE matches SET events = events - $3, ended_ms = NULL WHERE channel_id = $1 AND run = $2",
                channel_id, run, events,
            )  # fmt: skip
        if common < 0:
            await _forget_run(connection, channel_id, run)
            if voided:
                await _count_again(connection, channel_id, limits)
            return int(locked["last_seq"]) + 1
        for table in ("entries", "points", "keyframes"):
            await connection.execute(f"DELETE FROM {table} WHERE epoch_id = $1 AND seq > $2", epoch_id, common)
        last = await connection.fetchrow(
            "SELECT seq, t_ms, at_ms, digest, raw FROM entries WHERE epoch_id = $1 AND seq = $2", epoch_id, common
        )
        await connection.execute(
            "UPDATE epochs SET last_seq = $2, digest = $3, entry_digest = $4, last_at_ms = $5, events = events - $6 "
            "WHERE id = $1",
            epoch_id, common, last["digest"],
            entry_digest_of(Entry(Position(row["epoch"], common), last["t_ms"], last["raw"])), last["at_ms"], events,
        )  # fmt: skip
        if voided:
            await _count_again(connection, channel_id, limits)
        return int(locked["last_seq"]) - common


async def _count_again(connection: Any, channel_id: int, limits: ChannelLimits) -> None:
    """Makes what players have done in a channel's matches from what is stored of them since the newest void."""
    await take_back(connection, [channel_id])
    void = await connection.fetchrow(NEWEST_VOID, channel_id) or (-1, -1)
    points = await connection.fetch(
        f"SELECT run, member, metric, sum(points) AS total {COUNTED.format('points')} GROUP BY 1, 2, 3",
        channel_id, *void,
    )  # fmt: skip
    totals = {(channel_id, p["run"], p["member"], p["metric"]): int(p["total"]) for p in points}
    duels: Counter[tuple[int, int, str, str]] = Counter()
    query = f"SELECT run, raw {COUNTED.format('entries')} AND t.events > 0"
    async for entry in connection.cursor(query, channel_id, *void):
        for killer, victim in _duels(entry["raw"], limits):
            duels[(channel_id, entry["run"], killer, victim)] += 1
    await add_totals(connection, totals, duels)


async def _forget_run(connection: Any, channel_id: int, run: int) -> None:
    """Removes a run of which no epoch is left."""
    left = await connection.fetchval(
        "SELECT count(*) FROM epochs WHERE channel_id = $1 AND run = $2 AND NOT superseded", channel_id, run
    )
    if not left:
        for table in ("match_duels", "match_totals", "match_players", "matches"):
            await connection.execute(f"DELETE FROM {table} WHERE channel_id = $1 AND run = $2", channel_id, run)


def _duels(raw: bytes, limits: ChannelLimits) -> list[tuple[str, str]]:
    try:
        return duels_of([event.public for event in decode_events(raw, limits)])
    except MalformedEntry:
        return []

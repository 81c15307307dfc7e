"""Reads what was published: pages of events, and entries in order with the document to begin from.

Every query goes by an index. `until_ms` cuts off what a delayed audience may not see yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.history.cursors import EventCursor
from gateway.history.database import Database
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import INT64_MAX, Entry, decode_events
from gateway.model.errors import BadKeyframe, MalformedEntry
from gateway.model.rules import TRANSIENT_OPS
from gateway.model.version import Position

EPOCHS = """
SELECT e.id, e.epoch, e.last_seq, e.last_at_ms, e.first_day, e.last_day, e.events, e.gaps, e.run
FROM epochs e JOIN channels c ON c.id = e.channel_id
WHERE c.name = $1 AND NOT e.superseded
"""
NEWEST_EPOCHS = EPOCHS + " ORDER BY e.epoch DESC LIMIT $2"
EPOCHS_FROM = EPOCHS + " AND e.epoch >= $2 AND e.events > 0 ORDER BY e.epoch LIMIT $3"
EPOCHS_TO = EPOCHS + " AND e.epoch <= $2 AND e.events > 0 ORDER BY e.epoch DESC LIMIT $3"
EPOCHS_BELOW = EPOCHS + " AND e.epoch < $2 ORDER BY e.epoch DESC LIMIT $3"
OLDEST_KEPT = """
SELECT e.epoch, k.seq FROM epochs e JOIN channels c ON c.id = e.channel_id
CROSS JOIN LATERAL (
    SELECT seq FROM keyframes WHERE epoch_id = e.id AND day BETWEEN e.first_day AND e.last_day ORDER BY seq LIMIT 1
) k
WHERE c.name = $1 AND NOT e.superseded ORDER BY e.epoch LIMIT 1
"""
NEXT_EPOCH = EPOCHS + " AND e.epoch > $2 ORDER BY e.epoch LIMIT 1"
ONE_EPOCH = EPOCHS + " AND e.epoch = $2"
SHOWN_AFTER = """
SELECT seq, at_ms, raw FROM entries
WHERE epoch_id = $1 AND seq >= $2 AND events > 0 AND at_ms <= $3 AND day BETWEEN $4 AND $5 ORDER BY seq LIMIT $6
"""
SHOWN_BEFORE = """
SELECT seq, at_ms, raw FROM entries
WHERE epoch_id = $1 AND seq <= $2 AND events > 0 AND at_ms <= $3 AND day BETWEEN $4 AND $5 ORDER BY seq DESC LIMIT $6
"""
ENTRIES_AFTER = """
SELECT seq, t_ms, at_ms, raw FROM entries
WHERE epoch_id = $1 AND seq > $2 AND day BETWEEN $3 AND $4 ORDER BY seq LIMIT $5
"""
COUNT = """
SELECT count(*) AS n FROM entries WHERE epoch_id = $1 AND seq >= $2 AND seq < $3 AND day BETWEEN $4 AND $5
"""
LAST_BY_TIME = """
SELECT seq FROM entries WHERE epoch_id = $1 AND at_ms <= $2 AND day BETWEEN $3 AND $4
ORDER BY at_ms DESC, seq DESC LIMIT 1
"""
KEYFRAME_AT = """
SELECT seq, frame FROM keyframes WHERE epoch_id = $1 AND seq <= $2 AND day BETWEEN $3 AND $4 ORDER BY seq DESC LIMIT 1
"""
KEYFRAMES_FROM = """
SELECT k.seq, n.at_ms, k.frame FROM keyframes k JOIN entries n ON n.epoch_id = k.epoch_id AND n.seq = k.seq AND n.day = k.day
WHERE k.epoch_id = $1 AND k.seq >= $2 AND k.day BETWEEN $3 AND $4 ORDER BY k.seq LIMIT $5
"""
EPOCHS_AT_ONCE = 100
PAGE_ENTRIES_MIN = 50


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An epoch as it is stored."""

    id: int
    epoch: int
    last_seq: int
    last_at_ms: int
    first_day: date
    last_day: date
    events: int
    gaps: int
    run: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One event of a page: its place, when it arrived, and its public fields."""

    cursor: EventCursor
    at_ms: int
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrived:
    """An entry and when it counts as arrived."""

    entry: Entry
    at_ms: int


class Reader:
    """Reads.

    Args:
        limits: of the channels' entries.
    """

    def __init__(self, database: Database, limits: ChannelLimits) -> None:
        self._database = database
        self._limits = limits

    async def newest_epoch(self, channel: str) -> EpochRow | None:
        """The channel's newest epoch; None where nothing is stored.

        Raises:
            Unavailable
        """
        rows = await self._epochs(NEWEST_EPOCHS, channel, 1)
        return rows[0] if rows else None

    async def epoch(self, channel: str, number: int) -> EpochRow | None:
        """One epoch; None where nothing of it is stored."""
        rows = await self._epochs(ONE_EPOCH, channel, number)
        return rows[0] if rows else None

    async def oldest_kept(self, channel: str) -> Position | None:
        """The oldest document that is kept still: days before it may have been dropped. None where there is none."""
        rows = await self._database.fetch(OLDEST_KEPT, channel)
        return Position(rows[0]["epoch"], rows[0]["seq"]) if rows else None

    async def epoch_after(self, channel: str, number: int) -> EpochRow | None:
        """The epoch that followed one; None where nothing of a later one is stored."""
        rows = await self._epochs(NEXT_EPOCH, channel, number)
        return rows[0] if rows else None

    async def epochs_below(self, channel: str, number: int, most: int = EPOCHS_AT_ONCE) -> list[EpochRow]:
        """Up to `most` epochs below a number, the newest first."""
        return await self._epochs(EPOCHS_BELOW, channel, number, most)

    async def epoch_at(self, channel: str, at_ms: int) -> tuple[EpochRow, int] | None:
        """The last entry that had arrived at a time: its epoch and number; None where there was none."""
        before = INT64_MAX
        while True:
            rows = await self.epochs_below(channel, before)
            for row in rows:
                found = await self._database.fetch(LAST_BY_TIME, row.id, at_ms, row.first_day, row.last_day)
                if found:
                    return row, found[0]["seq"]
            if len(rows) < EPOCHS_AT_ONCE:
                return None
            before = rows[-1].epoch

    async def _epochs(self, query: str, *arguments: Any) -> list[EpochRow]:
        return [EpochRow(*row) for row in await self._database.fetch(query, *arguments)]

    # -- events ------------------------------------------------------------------------------------------------

    async def events_after(self, channel: str, after: EventCursor | None, until_ms: int, limit: int) -> list[Shown]:
        """Up to `limit` events after a cursor (None: from the oldest kept), oldest first."""
        start = after or EventCursor(0, 0, -1)
        found: list[Shown] = []
        epoch, seq = start.epoch, start.seq
        while len(found) < limit:
            epochs = await self._epochs(EPOCHS_FROM, channel, epoch, EPOCHS_AT_ONCE)
            for row in epochs:
                seq = seq if row.epoch == epoch else 0
                while len(found) < limit:
                    count = max(PAGE_ENTRIES_MIN, limit - len(found) + 1)
                    entries = await self._database.fetch(
                        SHOWN_AFTER, row.id, seq, until_ms, row.first_day, row.last_day, count
                    )
                    for entry in entries:
                        found += [one for one in self._shown(row.epoch, entry) if one.cursor > start]
                    if len(entries) < count:
                        break
                    seq = entries[-1]["seq"] + 1
            if len(epochs) < EPOCHS_AT_ONCE:
                break
            epoch, seq = epochs[-1].epoch + 1, 0
        return found[:limit]

    async def events_before(self, channel: str, before: EventCursor | None, until_ms: int, limit: int) -> list[Shown]:
        """Up to `limit` events before a cursor (None: from the newest), newest first."""
        end = before or EventCursor(INT64_MAX, INT64_MAX, 0)
        found: list[Shown] = []
        epoch, seq = end.epoch, end.seq
        while len(found) < limit:
            epochs = await self._epochs(EPOCHS_TO, channel, epoch, EPOCHS_AT_ONCE)
            for row in epochs:
                seq = seq if row.epoch == epoch else row.last_seq
                while len(found) < limit:
                    count = max(PAGE_ENTRIES_MIN, limit - len(found) + 1)
                    entries = await self._database.fetch(
                        SHOWN_BEFORE, row.id, seq, until_ms, row.first_day, row.last_day, count
                    )
                    for entry in entries:
                        found += [one for one in reversed(self._shown(row.epoch, entry)) if one.cursor < end]
                    if len(entries) < count:
                        break
                    seq = entries[-1]["seq"] - 1
            if len(epochs) < EPOCHS_AT_ONCE or epochs[-1].epoch == 0:
                break
            epoch, seq = epochs[-1].epoch - 1, INT64_MAX
        return found[:limit]

    def _shown(self, epoch: int, row: Any) -> list[Shown]:
        try:
            events = decode_events(row["raw"], self._limits)
        except MalformedEntry:
            # Larger than the limits are by now; it was none when it was stored.
            return []
        return [
            Shown(EventCursor(epoch, row["seq"], index), row["at_ms"], event.public)
            for index, event in enumerate(events)
            if event.op not in TRANSIENT_OPS
        ]

    # -- entries -----------------------------------------------------------------------------------------------

    async def entries_after(self, epoch: EpochRow, seq: int, count: int) -> list[Arrived]:
        """Entries of an epoch after number `seq`, in order."""
        rows = await self._database.fetch(ENTRIES_AFTER, epoch.id, seq, epoch.first_day, epoch.last_day, count)
        return [
            Arrived(Entry(Position(epoch.epoch, row["seq"]), row["t_ms"], row["raw"]), row["at_ms"]) for row in rows
        ]

    async def count(self, epoch: EpochRow, start: int, end: int) -> int:
        """How many entries of an epoch are stored from number `start` up to `end` (exclusive)."""
        rows = await self._database.fetch(COUNT, epoch.id, start, end, epoch.first_day, epoch.last_day)
        return int(rows[0]["n"])

    async def keyframe_at(self, channel: str, epoch: EpochRow, seq: int) -> Channel | None:
        """The channel at the newest keyframe that is not after entry `seq`; None where there is none."""
        rows = await self._database.fetch(KEYFRAME_AT, epoch.id, seq, epoch.first_day, epoch.last_day)
        try:
            return Channel.from_keyframe(rows[0]["frame"], channel, self._limits, ring=False) if rows else None
        except BadKeyframe:
            return None

    async def epochs_of_run(self, channel: str, newest: EpochRow, most: int) -> list[EpochRow]:
        """The epochs up to `newest` in which the same run was played, oldest first."""
        rows = await self.epochs_below(channel, newest.epoch + 1, most)
        return [row for row in reversed(rows) if row.run == newest.run]

    async def documents(
        self, channel: str, epoch: EpochRow, seq: int, count: int
    ) -> list[tuple[int, int, dict[str, Any]]]:
        """Up to `count` kept documents of an epoch from entry `seq` on: number and arrival of the entry, and the document.

        One of an older form is empty.
        """
        rows = await self._database.fetch(KEYFRAMES_FROM, epoch.id, seq, epoch.first_day, epoch.last_day, count)
        found: list[tuple[int, int, dict[str, Any]]] = []
        for row in rows:
            try:
                kept = Channel.from_keyframe(row["frame"], channel, self._limits, ring=False)
            except BadKeyframe:
                found.append((row["seq"], row["at_ms"], {}))
            else:
                found.append((row["seq"], row["at_ms"], kept.doc))
        return found

    async def channel_at(self, channel: str, epoch: EpochRow, seq: int) -> Channel:
        """The channel folded up to entry `seq`.

        Raises:
            Unavailable
        """
        folded = await self.keyframe_at(channel, epoch, seq) or Channel(channel, self._limits, ring=False)
        last = folded.position.seq if folded.position is not None else -1
        while last < seq:
            arrived = await self.entries_after(epoch, last, min(500, seq - last))
            for one in arrived:
                if one.entry.position.seq <= seq:
                    folded.fold(one.entry, one.at_ms)
            if not arrived:
                break
            last = arrived[-1].entry.position.seq
        return folded

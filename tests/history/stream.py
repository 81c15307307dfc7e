"""A stream as publishers make it, in memory: entries with ids, stamps and bytes. And what a history holds of it."""

from __future__ import annotations

import json
from typing import Any

from gateway.history.database import Database
from gateway.history.scribe import Rows
from gateway.history.writer import Writer
from gateway.model.entry import Entry
from gateway.model.version import Position

BEGAN_MS = 1_760_000_000_000
NOW_MS = BEGAN_MS + 3_600_000


def state(**fields: Any) -> dict[str, Any]:
    """A small match's state."""
    return {
        "title": "Test",
        "game": "arena",
        "status": "live",
        "teams": {"red": {"name": "Red", "score": 0}, "blue": {"name": "Blue", "score": 0}},
        "players": {
            "p0": {"name": "Ana", "team": "red", "kills": 0, "deaths": 0},
            "p1": {"name": "Ben", "team": "blue", "kills": 0, "deaths": 0},
        },
        **fields,
    }


class Stream:
    """The entries of one channel's stream."""

    def __init__(self, epoch: int = 1) -> None:
        self.entries: list[Entry] = []
        self.epoch = epoch
        self.seq = 0

    def add(self, *events: dict[str, Any], raw: bytes | None = None, t_ms: int | None = 0) -> Entry:
        """Appends one entry."""
        stamp = BEGAN_MS + 1000 * len(self.entries) if t_ms == 0 else t_ms
        content = raw if raw is not None else json.dumps(events[0] if len(events) == 1 else list(events)).encode()
        entry = Entry(Position(self.epoch, self.seq), stamp, content)
        self.entries.append(entry)
        self.seq += 1
        return entry

    def open(self, epoch: int | None = None, **fields: Any) -> Entry:
        """A new epoch."""
        self.epoch = epoch if epoch is not None else self.epoch + (self.seq > 0)
        self.seq = 0
        return self.add({"op": "reset", "state": state(**fields)})

    def kill(self, actor: str = "p0", target: str = "p1") -> Entry:
        """A kill by the rules."""
        return self.add({"op": "kill", "actor": actor, "target": target})

    async def read(self, start: Position | None, end: Position | None, count: int) -> list[Entry]:
        """As the bus reads."""
        return [
            entry
            for entry in self.entries
            if (start is None or entry.position >= start) and (end is None or entry.position <= end)
        ][:count]


async def write(writer: Writer, channel: str, entries: list[Entry], now_ms: int = NOW_MS, batch: int = 3) -> None:
    """Stores entries in batches, each from a scribe that is opened anew."""
    for start in range(0, len(entries), batch):
        scribe, rows = await writer.open(channel), Rows()
        for entry in entries[start : start + batch]:
            scribe.note(entry, now_ms, rows)
        await writer.store(rows, now_ms)


async def stored(database: Database, channel: str) -> list[Entry]:
    """All entries of a channel that are not superseded, in order."""
    rows = await database.fetch(
        "SELECT e.epoch, n.seq, n.t_ms, n.raw FROM entries n JOIN epochs e ON e.id = n.epoch_id "
        "JOIN channels c ON c.id = e.channel_id WHERE c.name = $1 AND NOT e.superseded ORDER BY 1, 2",
        channel,
    )
    return [Entry(Position(row["epoch"], row["seq"]), row["t_ms"], row["raw"]) for row in rows]


async def totals(database: Database) -> dict[tuple[int, str, str], int]:
    """What players did in all matches, by run, player and metric; what is zero is left out."""
    rows = await database.fetch(
        "SELECT run, player, metric, sum(total) AS total FROM match_totals WHERE total <> 0 GROUP BY 1, 2, 3"
    )
    return {(row["run"], row["player"], row["metric"]): int(row["total"]) for row in rows}

"""Exactly once: whatever is written twice, by two writers or over a crash, the history is the stream."""

from __future__ import annotations

import asyncio
import random

import pytest

from gateway.history.database import Database
from gateway.history.reconcile import reconcile
from gateway.history.scribe import Rows
from gateway.history.writer import Overtaken, Writer
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from tests.history.stream import NOW_MS, Stream, stored, totals, write

CHANNEL = "match:42"
LIMITS = ChannelLimits()


def played(kills: int = 20) -> Stream:
    stream = Stream()
    stream.open()
    for number in range(kills):
        stream.kill(*(("p0", "p1") if number % 3 else ("p1", "p0")))
    return stream


async def test_every_entry_is_stored_with_its_content(writer: Writer, database: Database) -> None:
    stream = played()
    stream.add(raw=b"\xff not json", t_ms=None)
    stream.add(raw=b"", t_ms=None)
    stream.add({"op": "x" * 64, "patch": {"a\u0000b": "\u0000"}, "points": {"m" * 300: {"p": 1}}})
    await write(writer, CHANNEL, stream.entries)
    assert await stored(database, CHANNEL) == stream.entries


async def test_what_is_given_again_is_stored_once(writer: Writer, database: Database) -> None:
    stream = played()
    random.seed(3)
    given: list[Entry] = []
    for number in range(len(stream.entries)):
        given += stream.entries[max(0, number - random.randrange(4)) : number + 1]
    await write(writer, CHANNEL, given, batch=5)
    assert await stored(database, CHANNEL) == stream.entries
    assert await totals(database) == {
        (0, "p0", "kills"): 13, (0, "p1", "kills"): 7, (0, "p0", "deaths"): 7, (0, "p1", "deaths"): 13,
    }  # fmt: skip


async def test_two_writers_at_once_store_everything_once(database: Database) -> None:
    stream = played(60)

    async def one(seed: int) -> int:
        writer, chance, refused = Writer(database, LIMITS), random.Random(seed), 0
        while True:
            scribe, rows = await writer.open(CHANNEL), Rows()
            rest = [e for e in stream.entries if scribe.position is None or e.position > scribe.position]
            if not rest:
                return refused
            for entry in rest[: chance.randrange(1, 6)]:
                scribe.note(entry, NOW_MS, rows)
            try:
                await writer.store(rows, NOW_MS)
            except Overtaken:
                refused += 1

    await asyncio.gather(one(1), one(2), one(3))
    assert await stored(database, CHANNEL) == stream.entries
    assert (await totals(database))[(0, "p0", "kills")] == 40


async def test_a_scribe_goes_on_from_the_stored_document(writer: Writer, database: Database) -> None:
    stream = played(30)
    await write(writer, CHANNEL, stream.entries, batch=7)
    channel = Channel(CHANNEL, LIMITS)
    for entry in stream.entries:
        channel.fold(entry, 0)
    scribe = await writer.open(CHANNEL)
    assert scribe.document == channel.doc
    assert scribe.channel.digest == channel.digest
    assert scribe.position == stream.entries[-1].position


async def test_a_refused_transaction_stores_nothing(writer: Writer, database: Database) -> None:
    stream = played(4)
    late, rows = await writer.open(CHANNEL), Rows()
    for entry in stream.entries:
        late.note(entry, NOW_MS, rows)
    await write(writer, CHANNEL, stream.entries[:2])
    with pytest.raises(Overtaken):
        await writer.store(rows, NOW_MS)
    assert await stored(database, CHANNEL) == stream.entries[:2]
    assert (await totals(database)) == {(0, "p1", "kills"): 1, (0, "p0", "deaths"): 1}


async def test_a_match_played_again_after_its_end_is_another_run(writer: Writer, database: Database) -> None:
    stream = Stream()
    stream.open()
    stream.kill()
    stream.open()
    stream.kill()
    stream.add({"op": "end", "winner": "red"})
    stream.open()
    stream.kill("p1", "p0")
    await write(writer, CHANNEL, stream.entries)
    rows = await database.fetch(
        "SELECT run, status, winner, ended_ms IS NULL AS open, events FROM matches ORDER BY run"
    )
    assert [tuple(row) for row in rows] == [(0, "ended", "red", False, 3), (1, "live", None, True, 1)]
    assert (await totals(database))[(0, "p0", "kills")] == 2


async def test_what_a_failover_lost_leaves_the_history(writer: Writer, database: Database) -> None:
    stream = played(20)
    await write(writer, CHANNEL, stream.entries)
    survived = Stream()
    survived.entries, survived.seq = stream.entries[:15], 15
    survived.kill("p1", "p0")
    survived.kill("p1", "p0")
    newest = survived.entries[-1].position
    assert await reconcile(database, CHANNEL, newest, survived.read, LIMITS) == 6
    await write(writer, CHANNEL, survived.entries)
    assert await stored(database, CHANNEL) == survived.entries
    fresh = played(14)
    kills = sum(b'"actor": "p0"' in entry.raw for entry in fresh.entries)
    assert (await totals(database))[(0, "p0", "kills")] == kills
    assert (await totals(database))[(0, "p1", "kills")] == 14 - kills + 2
    duels = await database.fetch("SELECT kills FROM match_duels WHERE killer = 'p0'")
    assert [row["kills"] for row in duels] == [kills]


async def test_an_emptied_store_begins_a_new_run_and_keeps_ended_matches(writer: Writer, database: Database) -> None:
    stream = played(5)
    stream.add({"op": "end", "winner": "red"})
    await write(writer, CHANNEL, stream.entries)
    again = Stream()
    again.open(title="Again")
    again.kill()
    assert await reconcile(database, CHANNEL, again.entries[-1].position, again.read, LIMITS) == 7
    await write(writer, CHANNEL, again.entries)
    assert await stored(database, CHANNEL) == again.entries
    rows = await database.fetch("SELECT run, title, status FROM matches ORDER BY run")
    assert [tuple(row) for row in rows] == [(0, "Test", "ended"), (1, "Again", "live")]


async def test_an_emptied_store_takes_an_unfinished_match_with_it(writer: Writer, database: Database) -> None:
    await write(writer, CHANNEL, played(5).entries)
    again = Stream()
    again.open(title="Again")
    assert await reconcile(database, CHANNEL, again.entries[-1].position, again.read, LIMITS) == 6
    await write(writer, CHANNEL, again.entries)
    rows = await database.fetch("SELECT run, title FROM matches")
    assert [tuple(row) for row in rows] == [(1, "Again")]
    assert await totals(database) == {}


async def test_a_trimmed_stream_takes_nothing_away(writer: Writer, database: Database) -> None:
    stream = played(20)
    await write(writer, CHANNEL, stream.entries)
    trimmed = Stream()
    trimmed.entries = stream.entries[10:]
    assert await reconcile(database, CHANNEL, stream.entries[-1].position, trimmed.read, LIMITS) == 0
    trimmed.entries = []
    assert await reconcile(database, CHANNEL, stream.entries[-1].position, trimmed.read, LIMITS) == 0
    assert await stored(database, CHANNEL) == stream.entries


async def test_a_void_takes_back_what_players_did_before_it(writer: Writer, database: Database) -> None:
    stream = played(10)
    stream.add({"op": "void"})
    stream.kill()
    stream.kill()
    for batch in (1, 3, 100):
        await write(writer, f"match:{batch}", stream.entries, batch=batch)
    rows = await database.fetch(
        "SELECT match, player, metric, total FROM match_totals JOIN matches USING (channel_id, run)"
    )
    assert sorted((r["match"], r["player"], r["metric"], int(r["total"])) for r in rows) == [
        (match, player, metric, 2)
        for match in ("1", "100", "3")
        for player, metric in (("p0", "kills"), ("p1", "deaths"))
    ]
    duels = await database.fetch("SELECT kills FROM match_duels")
    assert [row["kills"] for row in duels] == [2, 2, 2]


async def test_a_void_that_a_failover_lost_gives_back_what_it_took(writer: Writer, database: Database) -> None:
    stream = played(20)
    stream.add({"op": "void"})
    stream.kill("p1", "p0")
    await write(writer, CHANNEL, stream.entries)
    survived = Stream()
    survived.entries = stream.entries[:15]
    assert await reconcile(database, CHANNEL, survived.entries[-1].position, survived.read, LIMITS) == 8
    kills = sum(b'"actor": "p0"' in entry.raw for entry in survived.entries)
    assert await totals(database) == {
        (0, "p0", "kills"): kills, (0, "p1", "kills"): 14 - kills,
        (0, "p0", "deaths"): 14 - kills, (0, "p1", "deaths"): kills,
    }  # fmt: skip
    duels = await database.fetch("SELECT killer, kills FROM match_duels ORDER BY 1")
    assert [tuple(row) for row in duels] == [("p0", kills), ("p1", 14 - kills)]

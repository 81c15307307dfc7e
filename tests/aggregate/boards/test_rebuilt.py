"""Boards are counted anew from the stream and the history together, without being asked, and end on the ranks that are right."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from gateway.history.database import Database
from gateway.history.embedded import EmbeddedPostgres
from gateway.history.errors import Unavailable
from gateway.model.boards import STATUS_KEY, Scopes, stream_marks_key
from gateway.model.entry import Entry
from gateway.model.names import stream_key
from gateway.model.partitions import partition_of
from gateway.model.standing import Standing
from tests.aggregate.boards.recount import boards_in, entries_of, recount, stored
from tests.aggregate.boards.test_losses import publish, right, trouble, until
from tests.faults.frozen import below, frozen
from tests.faults.proxy import proxy
from tests.history.stream import stored as kept
from tests.stores import Store, pair
from tests.system.aggregators import Aggregator, aggregators

ANA = [("ana", 1), ("ben", 5), ("ana", 2), ("eva", 2)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A Postgres of its own, that a test may stop."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    await server.start()
    yield server
    await server.stop()


async def has(server: EmbeddedPostgres, channel: str, wanted: list[Entry]) -> None:
    """Returns when the history has these entries."""
    database = Database(server.url)
    async with asyncio.timeout(90):
        while True:
            with contextlib.suppress(Unavailable):
                if await kept(database, channel) == wanted:
                    break
            await asyncio.sleep(0.1)
    await database.close()


def equal_to(client: redis.Redis, histories: dict[str, list[Entry]]) -> bool:
    """Whether all boards are what these entries make, and nothing is said to be missing."""
    wanted = recount(histories, Scopes(), int(client.time()[0]) * 1000)
    found = {name: rows for name in boards_in(client) if (rows := stored(client, name))}
    return found == wanted and not any(trouble(client, name) for name in histories)


def forget_boards(client: redis.Redis, pattern: str = "*") -> None:
    """As a node that comes back without them."""
    for prefix in ("rank:", "score:", "marks:", "fence:", "tally:"):
        for key in list(client.scan_iter(f"{prefix}{pattern}")):
            client.delete(key)


@contextlib.contextmanager
def counting(tmp_path: Path, store: str, server: EmbeddedPostgres) -> Iterator[list[Aggregator]]:
    with aggregators(tmp_path, store, history__url=server.url) as running:
        yield running


async def test_a_history_that_does_not_answer_holds_no_board(
    tmp_path: Path, valkey_server: Store, server: EmbeddedPostgres
) -> None:
    client = valkey_server.client
    publish(client, "match:1", ANA)
    client.xtrim(stream_key("match:1"), maxlen=1, approximate=False)
    with counting(tmp_path, valkey_server.url, server) as running:
        # What is missing is looked for in the history, again and again.
        await asyncio.to_thread(until, lambda: trouble(client, "match:1") == "gap", running)
        in_vain = lambda: running[0].log_text().count("history_not_read")  # noqa: E731
        assert server.pid is not None
        with frozen([server.pid, *below(server.pid)]):
            before = in_vain()
            for _ in range(12):
                publish(client, "match:2", [("ben", 1)])
                await asyncio.sleep(1)
            await asyncio.to_thread(
                until, lambda: [row[:2] for row in stored(client, "kills.match.2")] == [("ben", 12)], running
            )
            assert in_vain() == before, "it is waited for still"


async def test_a_stream_that_was_trimmed_before_it_was_counted(
    tmp_path: Path, valkey_server: Store, server: EmbeddedPostgres
) -> None:
    client = valkey_server.client
    publish(client, "match:1", ANA * 5)
    publish(client, "match:1", [("dan", 4)] * 5, epoch=2)
    publish(client, "match:2", ANA)
    histories = {name: entries_of(client, name) for name in ("match:1", "match:2")}
    with counting(tmp_path, valkey_server.url, server):
        for name, entries in histories.items():
            await has(server, name, entries)
    forget_boards(client)
    client.xtrim(stream_key("match:1"), maxlen=2, approximate=False)
    client.xtrim(stream_key("match:2"), maxlen=0, approximate=False)
    with counting(tmp_path, valkey_server.url, server) as running:
        await asyncio.to_thread(until, lambda: equal_to(client, histories), running)


async def test_entries_that_were_trimmed_while_nobody_counted(
    tmp_path: Path, valkey_server: Store, server: EmbeddedPostgres
) -> None:
    """The boards are behind the history: they go on from where they were, through what only the history has."""
    client = valkey_server.client
    publish(client, "match:1", ANA * 5)
    with counting(tmp_path, valkey_server.url, server) as running:
        await asyncio.to_thread(until, right(client, "match:1"), running)
        counted = f"{entries_of(client, 'match:1')[-1].position}.".encode()
        recorded = lambda: (client.hget(stream_marks_key("match:1"), "") or b"").startswith(counted)  # noqa: E731
        await asyncio.to_thread(until, recorded, running)
        before = {key: client.dump(key) for key in client.scan_iter("*:{*board:*")} | {
            key: client.dump(key) for key in client.scan_iter("marks:*")
        }
        publish(client, "match:1", [("dan", 4), ("ana", 1)] * 10)
        await asyncio.to_thread(until, right(client, "match:1"), running)
        history = entries_of(client, "match:1")
        await has(server, "match:1", history)
    forget_boards(client)
    for key, value in before.items():
        client.restore(key, 0, value, replace=True)
    client.xtrim(stream_key("match:1"), maxlen=5, approximate=False)
    with counting(tmp_path, valkey_server.url, server) as running:
        await asyncio.to_thread(until, lambda: equal_to(client, {"match:1": history}), running)
        log = running[0].log_text()
        assert "recount_begun" not in log


async def test_a_promoted_replica_that_lost_entries_of_a_trimmed_stream(
    tmp_path: Path, server: EmbeddedPostgres
) -> None:
    with pair(tmp_path / "stores") as (primary, survivor), proxy(primary.port) as door:
        url = f"redis://127.0.0.1:{door.port}"
        with counting(tmp_path, url, server) as running:
            publish(primary.client, "match:1", ANA * 3)
            common = entries_of(primary.client, "match:1")
            await has(server, "match:1", common)
            primary.client.xtrim(stream_key("match:1"), maxlen=2, approximate=False)
            await asyncio.to_thread(until, lambda: survivor.client.xlen(stream_key("match:1")) == 2, running)
            survivor.promote()
            publish(primary.client, "match:1", [("lost", 50), ("ana", 7)])
            await has(server, "match:1", common + entries_of(primary.client, "match:1")[2:])
            await asyncio.to_thread(until, lambda: ("lost", 50) in points(primary.client, "kills.all"), running)
            publish(survivor.client, "match:1", [("eva", 2), ("ana", 1), ("dan", 1)])
            surviving = common[:-2] + entries_of(survivor.client, "match:1")
            door.switch(survivor.port)
            await asyncio.to_thread(until, lambda: equal_to(survivor.client, {"match:1": surviving}), running)


def points(client: redis.Redis, board: str) -> list[tuple[str, int]]:
    return [(member, by) for member, by, _ in stored(client, board)]


async def test_a_database_that_is_away_when_it_is_needed(
    tmp_path: Path, valkey_server: Store, server: EmbeddedPostgres
) -> None:
    """Live boards go on without it and say that they are incomplete; when it is back, they become right by themselves."""
    client = valkey_server.client
    publish(client, "match:1", ANA * 5)
    history = entries_of(client, "match:1")
    with counting(tmp_path, valkey_server.url, server):
        await has(server, "match:1", history)
    forget_boards(client)
    client.xtrim(stream_key("match:1"), maxlen=2, approximate=False)
    await server.stop()
    with counting(tmp_path, valkey_server.url, server) as running:
        await asyncio.to_thread(until, lambda: trouble(client, "match:1") == "gap", running)
        publish(client, "match:1", [("ana", 1), ("dan", 1)])
        history = history[:-2] + entries_of(client, "match:1")
        await asyncio.to_thread(until, lambda: ("dan", 1) in points(client, "kills.all"), running)
        assert points(client, "kills.all") == [("ana", 3), ("eva", 2), ("dan", 1)], "what is missing is not made up"
        await server.start()
        await asyncio.to_thread(until, lambda: equal_to(client, {"match:1": history}), running)


async def test_an_operator_rebuilds_trimmed_streams_and_hears_of_what_is_gone(
    tmp_path: Path, valkey_server: Store, server: EmbeddedPostgres
) -> None:
    client = valkey_server.client
    publish(client, "match:1", [*ANA, ("poison", 2_000_000_000)])
    client.xadd(
        stream_key("match:gone"), {"t": "1", "e": json.dumps({"op": "n", "points": {"kills": {"old": 1}}})}, id="1-*"
    )
    client.xtrim(stream_key("match:gone"), maxlen=0, approximate=False)
    publish(client, "match:gone", [("new", 1)])
    history = entries_of(client, "match:1")
    with counting(tmp_path, valkey_server.url, server) as running:
        await has(server, "match:1", history)
        await asyncio.to_thread(until, lambda: client.xlen("dead:{aggregate}") == 1, running)
        await asyncio.to_thread(until, lambda: "neither" in missing(client, "match:gone"), running)
        client.xtrim(stream_key("match:1"), maxlen=1, approximate=False)
        done = await asyncio.to_thread(order, valkey_server.url, "rebuild")
        assert "boards are made from 1 streams" in done.stdout, done
        assert "match:gone: left as it is: in neither the stream nor the history: 1 entry before 1-1" in done.stderr, (
            done
        )
        done = await asyncio.to_thread(order, valkey_server.url, "replay")
        assert done.returncode == 0, done
        # What is poison still has its letter again.
        await asyncio.to_thread(until, lambda: client.xlen("dead:{aggregate}") == 1, running)
        wanted = recount({"match:1": history[:-1]}, Scopes(), 0)["kills.match.1"]
        await asyncio.to_thread(until, lambda: stored(client, "kills.match.1") == wanted, running)
        await asyncio.to_thread(until, lambda: trouble(client, "match:1") is None, running)
        listed = await asyncio.to_thread(order, valkey_server.url, "troubles")
        (line,) = [json.loads(line) for line in listed.stdout.splitlines()]
        assert line["channel"] == "match:gone"
        assert line["why"] == "gap"
        assert "neither" in line["missing"]


def missing(client: redis.Redis, channel: str) -> str:
    raw = client.hget(STATUS_KEY, str(partition_of(channel)))
    return msgspec.json.decode(raw, type=Standing).missing.get(channel, "") if raw is not None else ""


def order(url: str, action: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "boards", action, "--set", f"bus.url={url}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

"""What is lost is found without being asked: entries that a store had acknowledged, updates of a board, what nobody counted."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from gateway.bus.board_reader import BoardReader
from gateway.model.boards import STATUS_KEY, Scopes, board_marks_key, rank_key, score_key
from gateway.model.names import stream_key
from gateway.model.partitions import partition_of
from gateway.model.standing import NAMED_MAX, Standing
from tests import patience
from tests.aggregate.boards.recount import boards_in, entries_of, recount, stored
from tests.faults.proxy import proxy
from tests.stores import Store, pair
from tests.system.aggregators import Aggregator, aggregators


def publish(client: redis.Redis, channel: str, points: list[tuple[str, int]], epoch: int = 1) -> None:
    for member, by in points:
        event = json.dumps({"op": "play", "patch": {}, "points": {"kills": {member: by}}})
        client.xadd(stream_key(channel), {"t": str(time.time_ns() // 1_000_000), "e": event}, id=f"{epoch}-*")


def right(client: redis.Redis, *channels: str) -> Callable[[], bool]:
    """Whether all boards are what the streams hold."""

    def equal() -> bool:
        histories = {name: entries_of(client, name) for name in channels}
        wanted = recount(histories, Scopes(), time.time_ns() // 1_000_000)
        found = {name: stored(client, name) for name in boards_in(client)}
        return {name: rows for name, rows in found.items() if rows} == wanted

    return equal


def until(condition: Callable[[], bool], running: list[Aggregator]) -> None:
    patience.until(condition, lambda: "\n".join(one.log_text()[-3000:] for one in running))


def told(client: redis.Redis, partition: int) -> Standing | None:
    raw = client.hget(STATUS_KEY, str(partition))
    return msgspec.json.decode(raw, type=Standing) if raw is not None else None


def trouble(client: redis.Redis, channel: str) -> str | None:
    standing = told(client, partition_of(channel))
    return standing.troubles.get(channel) if standing is not None else None


@pytest.fixture
def running(tmp_path: Path, valkey_server: Store) -> Iterator[list[Aggregator]]:
    with aggregators(tmp_path, valkey_server.url) as processes:
        yield processes


def test_a_history_that_the_store_has_lost_is_taken_back(valkey_server: Store, running: list[Aggregator]) -> None:
    client = valkey_server.client
    publish(client, "match:kept", [("ana", 3), ("ben", 3)])
    publish(client, "match:lost", [("ana", 1), ("ben", 5), ("eva", 2)])
    until(right(client, "match:kept", "match:lost"), running)
    client.delete(stream_key("match:lost"))
    publish(client, "match:lost", [("ana", 1), ("dan", 9)])
    until(right(client, "match:kept", "match:lost"), running)
    assert [member for member, _, _ in stored(client, "kills.all")] == ["dan", "ana", "ben"]


def test_a_history_that_was_lost_while_nobody_counted(tmp_path: Path, valkey_server: Store) -> None:
    client = valkey_server.client
    publish(client, "match:1", [("ana", 1), ("ben", 5)])
    with aggregators(tmp_path, valkey_server.url) as running:
        until(right(client, "match:1"), running)
    client.delete(stream_key("match:1"))
    publish(client, "match:1", [("eva", 1), ("ana", 1), ("ana", 1)])
    with aggregators(tmp_path, valkey_server.url) as running:
        until(right(client, "match:1"), running)


def test_a_board_that_comes_back_without_its_updates_is_counted_anew(
    valkey_server: Store, running: list[Aggregator]
) -> None:
    client = valkey_server.client
    publish(client, "match:1", [("ana", 1), ("ben", 5)])
    publish(client, "match:2", [("ana", 1), ("eva", 4)])
    until(right(client, "match:1", "match:2"), running)
    for key in (rank_key("kills.all"), score_key("kills.all"), board_marks_key("kills.all")):
        client.delete(key)
    for key in list(client.scan_iter("tally:{board:kills.all}:*")):
        client.delete(key)
    until(right(client, "match:1", "match:2"), running)


def test_a_promoted_replica_without_the_newest_entries(tmp_path: Path) -> None:
    with pair(tmp_path / "stores") as (primary, survivor), proxy(primary.port) as door:
        url = f"redis://127.0.0.1:{door.port}"
        with aggregators(tmp_path, url) as running:
            publish(primary.client, "match:1", [("ana", 1), ("ben", 5)])
            until(right(primary.client, "match:1"), running)
            until(lambda: survivor.client.xlen(stream_key("match:1")) == 2, running)
            survivor.promote()
            publish(primary.client, "match:1", [("lost", 50), ("ana", 7)])
            until(right(primary.client, "match:1"), running)
            publish(survivor.client, "match:1", [("eva", 2), ("ana", 1), ("dan", 1)])
            door.switch(survivor.port)
            until(right(survivor.client, "match:1"), running)
            assert "lost" not in {member for member, _, _ in stored(survivor.client, "kills.all")}


def test_a_stream_whose_beginning_is_gone_is_said_to_be_incomplete(valkey_server: Store, tmp_path: Path) -> None:
    client = valkey_server.client
    publish(client, "match:1", [("ana", 1)] * 10)
    client.xtrim(stream_key("match:1"), maxlen=4, approximate=False)
    publish(client, "match:whole", [("ben", 1)])
    with aggregators(tmp_path, valkey_server.url) as running:
        until(lambda: trouble(client, "match:1") == "gap", running)
        until(lambda: trouble(client, "match:whole") is None, running)
    client.delete(STATUS_KEY)
    with aggregators(tmp_path, valkey_server.url) as running:
        until(lambda: trouble(client, "match:1") == "gap", running)


async def test_more_matches_in_trouble_than_are_named_have_no_complete_board(
    valkey_server: Store, tmp_path: Path
) -> None:
    client, number = valkey_server.client, partition_of("match:0")
    names = list(
        itertools.islice((n for n in itertools.count() if partition_of(f"match:{n}") == number), NAMED_MAX + 1)
    )
    for name in names:
        publish(client, f"match:{name}", [("ana", 1)] * 2)
        client.xtrim(stream_key(f"match:{name}"), maxlen=1, approximate=False)
    reader = BoardReader(valkey_server.url, 10)
    with aggregators(tmp_path, valkey_server.url) as running:

        def all_looked_at() -> bool:
            """Until a stream has been read it is one that was not confirmed."""
            said = told(client, number)
            return said is not None and said.unnamed == 1 and set(said.troubles.values()) == {"gap"}

        until(all_looked_at, running)
        standing = told(client, number)
        assert standing is not None
        (unnamed,) = {f"match:{name}" for name in names} - standing.troubles.keys()
        board = f"kills.{unnamed.replace(':', '.')}"
        assert not (await reader.standing(board))[0]
        named, further = await reader.troubles()
        assert (len(named), further) == (NAMED_MAX, 1)
    await reader.close()

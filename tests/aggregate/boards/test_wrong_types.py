"""Another type under one of our keys: others go on, what is hit is said to be incomplete, and is mended by itself.

So are streams of ours of which the store has lost a part.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
import redis

from gateway.model.boards import (
    LETTERS_KEY,
    NAMES_KEY,
    RECOUNTS_KEY,
    STATUS_KEY,
    board_channel,
    board_marks_key,
    fences_key,
    rank_key,
    registry_key,
    score_key,
    stream_marks_key,
    tally_key,
)
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.names import LOBBY, keyframe_key, stream_key
from gateway.model.partitions import partition_of
from gateway.model.standing import Standing
from tests.aggregate.boards.recount import entries_of, stored
from tests.aggregate.boards.test_losses import until
from tests.stores import Store
from tests.system.aggregators import Aggregator, aggregators

KEYS: dict[str, Callable[[str], str]] = {
    "rank": lambda odd: rank_key(f"{odd}.all"),
    "score": lambda odd: score_key(f"{odd}.all"),
    "marks": lambda odd: board_marks_key(f"{odd}.all"),
    "tally": lambda odd: tally_key(f"{odd}.all", f"match:{odd}"),
    "fence": lambda odd: fences_key(f"{odd}.all"),
    "stream-marks": lambda odd: stream_marks_key(f"match:{odd}"),
    "registry": lambda odd: registry_key(partition_of(board_channel(f"{odd}.all"))),
    "names": lambda _: NAMES_KEY,
    "requests": lambda _: RECOUNTS_KEY,
    "letters": lambda _: LETTERS_KEY,
    "channel": lambda odd: stream_key(board_channel(f"{odd}.all")),
    "keyframes": lambda odd: keyframe_key(f"match:{odd}"),
}
"""The key of one board, or of all, that gets another type."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[Aggregator]]]:
    directory = tmp_path_factory.mktemp("types")
    server = Store(directory / "store")
    server.start()
    try:
        with aggregators(directory, server.url) as running:
            yield server, running
    finally:
        server.stop()


def points(client: redis.Redis, board: str) -> list[tuple[str, int]] | None:
    """The board's rows; None while its keys do not say the same."""
    try:
        return [(member, by) for member, by, _ in stored(client, board)]
    except (AssertionError, KeyError, redis.ResponseError):
        return None


def shown(client: redis.Redis, board: str, rows: list[tuple[str, int]], complete: bool = True) -> bool:
    """Whether the board's channel, folded, has these rows, and says that they are all if they have to be."""
    channel = Channel(board_channel(board), ChannelLimits(), ring=False)
    try:
        for entry in entries_of(client, board_channel(board)):
            channel.fold(entry, 0)
    except redis.ResponseError:
        return False
    found = {member: row["points"] for member, row in channel.doc.get("rows", {}).items()}
    return found == dict(rows) and (channel.doc.get("complete") is True or not complete)


def publish(client: redis.Redis, metric: str, points: list[tuple[str, int]]) -> None:
    for member, by in points:
        event = json.dumps({"op": "play", "patch": {}, "points": {metric: {member: by}}})
        client.xadd(stream_key(f"match:{metric}"), {"t": str(time.time_ns() // 1_000_000), "e": event}, id="1-*")


def test_others_go_on_and_all_is_mended(stage: tuple[Store, list[Aggregator]]) -> None:
    server, running = stage
    client, odd = server.client, {f"odd-{what}": key(f"odd-{what}") for what, key in KEYS.items()}
    registry = partition_of(board_channel("odd-registry.all"))
    fine = next(n for i in range(100) if partition_of(board_channel(f"{(n := f'fine-{i}')}.all")) != registry)
    metrics = [fine, *odd]
    for metric in metrics:
        publish(client, metric, [("ana", 1)])
    for metric in metrics:
        until(lambda metric=metric: shown(client, f"{metric}.all", [("ana", 1)]), running)  # type: ignore[misc]
    for key in odd.values():
        client.delete(key)
        client.set(key, "another's")
    for metric in metrics:
        publish(client, metric, [("ana", 2), ("ben", 1), ("bad", 2_000_000_000)])
    rows = [("ana", 3), ("ben", 1)]
    until(lambda: points(client, f"{fine}.all") == rows, running)
    until(lambda: shown(client, f"{fine}.all", rows, complete=False), running)
    until(lambda: not complete(client), running)
    client.delete(*odd.values())
    for metric in metrics:
        publish(client, metric, [("eva", 1)])
    rows.append(("eva", 1))
    for metric in metrics:
        until(lambda metric=metric: points(client, f"{metric}.all") == rows, running)  # type: ignore[misc]
    until(lambda: complete(client), running)
    for metric in metrics:
        until(lambda metric=metric: shown(client, f"{metric}.all", rows), running)  # type: ignore[misc]


def complete(client: redis.Redis) -> bool:
    """Whether nothing is said to be wrong."""
    found = [msgspec.json.decode(raw, type=Standing) for raw in client.hgetall(STATUS_KEY).values()]
    return not any(one.broken or one.troubles for one in found)


@pytest.mark.parametrize("quiet", [True, False], ids=["quiet", "busy"])
def test_a_board_whose_stream_has_lost_entries_is_shown_whole_in_a_new_epoch(
    stage: tuple[Store, list[Aggregator]], quiet: bool
) -> None:
    """Only what changed afterwards came, into documents that had lost what came before."""
    server, running = stage
    client, metric = server.client, f"lost-{'quiet' if quiet else 'busy'}"
    board = f"{metric}.all"
    publish(client, metric, [("ana", 1), ("ben", 2)])
    rows = [("ben", 2), ("ana", 1)]
    until(lambda: shown(client, board, rows), running)
    before = client.dump(stream_key(board_channel(board)))
    publish(client, metric, [("eva", 5)])
    rows.insert(0, ("eva", 5))
    until(lambda: shown(client, board, rows), running)
    epoch = epoch_of(client, board_channel(board))
    client.restore(stream_key(board_channel(board)), 0, before, replace=True)
    if not quiet:
        publish(client, metric, [("dan", 1)])
        rows.append(("dan", 1))
    until(lambda: shown(client, board, rows) and epoch_of(client, board_channel(board)) > epoch, running)


def test_the_list_of_matches_that_has_lost_entries_is_written_whole_in_a_new_epoch(
    stage: tuple[Store, list[Aggregator]],
) -> None:
    server, running = stage
    client = server.client
    announce(client, "first")
    until(lambda: "first" in listed(client), running)
    before, epoch = client.dump(stream_key(LOBBY)), epoch_of(client, LOBBY)
    announce(client, "second")
    until(lambda: "second" in listed(client), running)
    client.restore(stream_key(LOBBY), 0, before, replace=True)
    until(lambda: {"first", "second"} <= listed(client).keys() and epoch_of(client, LOBBY) > epoch, running)


def announce(client: redis.Redis, match: str) -> None:
    event = json.dumps({"op": "reset", "state": {"title": match, "status": "live"}})
    client.xadd(stream_key(f"match:{match}"), {"t": str(time.time_ns() // 1_000_000), "e": event}, id="1-*")


def epoch_of(client: redis.Redis, channel: str) -> int:
    entries = entries_of(client, channel)
    return entries[-1].position.epoch if entries else 0


def listed(client: redis.Redis) -> dict[str, object]:
    channel = Channel(LOBBY, ChannelLimits(), ring=False)
    for entry in entries_of(client, LOBBY):
        channel.fold(entry, 0)
    matches: dict[str, object] = channel.doc.get("matches", {})
    return matches

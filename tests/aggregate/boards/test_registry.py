"""Boards as they are listed: by name and by match, written again where they are not, and taken away when they have expired."""

from __future__ import annotations

from gateway.aggregate.boards.ledger import Ledger
from gateway.bus.board_reader import BoardReader
from gateway.model.boards import board_channel, board_marks_key, match_of, registry_key
from gateway.model.partitions import partition_of
from tests.stores import Store

BOARDS = ["kills.all", "kills.day.2026-11-25", "kills.match.4", "kills.match.42", "kills.match.42.b", "saves.match.42"]


async def test_boards_are_listed_by_name_and_by_match_until_they_are_gone(valkey_server: Store) -> None:
    client = valkey_server.client
    ledger, reader = Ledger(valkey_server.url, 60), BoardReader(valkey_server.url, 10)
    registry = ledger.registry
    await registry.touch(reversed(BOARDS))
    assert await reader.listed("", 10, True) == BOARDS
    assert await reader.listed("kills.day.2026-11-25", 2, True) == BOARDS[2:4]
    assert await reader.listed("", 10, False) == BOARDS[:2]
    assert await reader.of_matches(["42"]) == ["kills.match.42", "saves.match.42"]
    assert await reader.of_matches(["4", "42.b", "5"]) == ["kills.match.4", "kills.match.42.b"]

    # As a version left it that had no lists, or a store that has lost them.
    client.delete("boards:{boards}:others", "boards:{boards}:matches", "boards:{boards}:by-match")
    assert await reader.listed("", 10, True) == []
    for number in {partition_of(board_channel(name)) for name in BOARDS}:
        await registry.list_again(number)
    assert await reader.listed("", 10, True) == BOARDS
    assert await reader.of_matches(["42"]) == ["kills.match.42", "saves.match.42"]

    # Gone are those that expire and have no watermarks any more; not before their time.
    for name in ("kills.match.42", "kills.all"):
        client.hset(board_marks_key(name), "match:42", "1-1.00000000")
    numbers = {partition_of(board_channel(name)) for name in BOARDS}
    assert sum([await registry.forget_gone(number, 1) for number in numbers]) == 0
    assert sum([await registry.forget_gone(number, 1 << 50) for number in numbers]) == 4
    assert await reader.listed("", 10, True) == ["kills.all", "kills.match.42"]
    assert await reader.of_matches(["4", "42", "42.b"]) == ["kills.match.42"]
    left = [name for number in numbers for name in client.zrange(registry_key(number), 0, -1)]
    assert sorted(left) == [b"kills.all", b"kills.match.42"]
    assert [match_of(name) for name in BOARDS] == [None, None, "4", "42", "42.b", "42"]
    await ledger.close()
    await reader.close()

"""The scripts on a real store: they keep the rules that the model of test_order.py has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.aggregate.boards.ledger import Increment, Ledger, Overtaken
from gateway.aggregate.boards.tally import Tally
from tests.aggregate.boards.recount import stored
from tests.stores import Store

BOARD, CHANNEL, OTHER = "kills.all", "match:1", "match:2"
FIRST, SECOND, THIRD = "1-1.00000001", "1-2.00000002", "1-3.00000003"


@pytest.fixture
async def ledger(valkey_server: Store) -> AsyncIterator[Ledger]:
    """Writes boards."""
    ledger = Ledger(valkey_server.url, 86_400)
    yield ledger
    await ledger.close()


def adds(expected: str, after: str, tally: Tally, channel: str = CHANNEL) -> Increment:
    return Increment(BOARD, channel, expected, after, tally)


async def test_an_increment_counts_only_from_the_watermark_that_it_expects(
    ledger: Ledger, valkey_server: Store
) -> None:
    first, other = adds("", FIRST, {"ana": (2, 10), "ben": (2, 5)}), adds("", FIRST, {"ana": (1, 4)}, OTHER)
    for _ in range(3):
        assert set((await ledger.apply([first, other])).values()) == {FIRST}
    assert (await ledger.apply([adds(SECOND, THIRD, {"ana": (9, 9)})])) == {(BOARD, CHANNEL): FIRST}
    await ledger.apply([adds(FIRST, SECOND, {"ben": (1, 20), "eva": (3, 10)})])
    assert stored(valkey_server.client, BOARD) == [("ana", 3, 10), ("eva", 3, 10), ("ben", 3, 20)]


async def test_a_correction_replaces_one_channel_alone(ledger: Ledger, valkey_server: Store) -> None:
    await ledger.apply([adds("", FIRST, {"ana": (2, 10), "ben": (2, 5)}), adds("", FIRST, {"ana": (1, 4)}, OTHER)])
    await ledger.replace(BOARD, CHANNEL, {"eva": (5, 7)}, SECOND, "recount a", 1)
    assert stored(valkey_server.client, BOARD) == [("eva", 5, 7), ("ana", 1, 4)]
    assert await ledger.apply([adds(FIRST, THIRD, {"ben": (1, 1)})]) == {(BOARD, CHANNEL): SECOND}
    await ledger.replace(BOARD, CHANNEL, {}, THIRD, "recount b", 1)
    assert stored(valkey_server.client, BOARD) == [("ana", 1, 4)]


async def test_a_correction_under_an_older_lease_is_refused(ledger: Ledger, valkey_server: Store) -> None:
    await ledger.replace(BOARD, CHANNEL, {}, THIRD, "recount new", 7)
    with pytest.raises(Overtaken) as overtaken:
        await ledger.replace(BOARD, CHANNEL, {"ana": (3, 1)}, SECOND, "recount old", 6)
    assert overtaken.value.generation == 7
    assert stored(valkey_server.client, BOARD) == []
    await ledger.replace(BOARD, OTHER, {"ben": (1, 1)}, FIRST, "recount other", 1)
    await ledger.replace(BOARD, CHANNEL, {"ana": (3, 1)}, THIRD, "recount again", 7)
    assert stored(valkey_server.client, BOARD) == [("ana", 3, 1), ("ben", 1, 1)]


async def test_a_key_of_another_type_changes_nothing(ledger: Ledger, valkey_server: Store) -> None:
    await ledger.apply([adds("", FIRST, {"ana": (2, 10)})])
    valkey_server.client.rename("score:{board:kills.all}", "away")
    valkey_server.client.set("score:{board:kills.all}", "text")
    answer = (await ledger.apply([adds(FIRST, SECOND, {"ana": (1, 11)})]))[BOARD, CHANNEL]
    assert "WRONGTYPE" in str(answer)
    assert not await ledger.usable(BOARD)
    valkey_server.client.rename("away", "score:{board:kills.all}")
    assert stored(valkey_server.client, BOARD) == [("ana", 2, 10)]
    assert await ledger.usable(BOARD)


VALUE_BOARD = "kills.region.eu"


async def test_a_board_and_all_its_parts_live_and_go_together(valkey_server: Store) -> None:
    """A correction, a repair and a void make scores of the parts: none may go while the board is written to."""
    client, kept_s = valkey_server.client, 4
    ledger = Ledger(valkey_server.url, kept_s)
    await ledger.apply([Increment(VALUE_BOARD, CHANNEL, "", FIRST, {"ana": (5, 10)})])
    last = ""
    for number in range(8):
        mark = f"1-{number}.00000001"
        await ledger.apply([Increment(VALUE_BOARD, OTHER, last, mark, {"ana": (1, 11), "ben": (1, 11)})])
        last = mark
        await asyncio.sleep(kept_s / 4)
    await ledger.replace(VALUE_BOARD, OTHER, {"ben": (2, 11)}, THIRD, "recount a", 1)
    assert stored(client, VALUE_BOARD) == [("ana", 5, 10), ("ben", 2, 11)]
    await asyncio.sleep(kept_s / 2)
    await ledger.replace(VALUE_BOARD, OTHER, {"ben": (3, 11)}, THIRD, "recount b", 1)
    await asyncio.sleep(kept_s * 3 / 4)
    await ledger.repair(VALUE_BOARD)
    assert stored(client, VALUE_BOARD) == [("ana", 5, 10), ("ben", 3, 11)]
    keys = [key for key in client.scan_iter("*") if VALUE_BOARD.encode() in key and not key.startswith(b"fence:")]
    assert len({client.pexpiretime(key) for key in keys}) == 1
    assert len(keys) == 5
    await asyncio.sleep(kept_s * 1.2)
    assert client.exists(*keys) == 0
    await ledger.close()

"""Dead letters are kept once, the newest of them; those of channels that are tried again go in one look for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.aggregate.boards.boards import LETTER_ENTRIES
from gateway.aggregate.boards.letters import LOOK_LETTERS, REFUSED_KEPT, Letters
from gateway.aggregate.folding import BACKLOG_MAX
from gateway.bus.board_orders import BoardOrders
from gateway.model.boards import LETTERS_KEY
from gateway.model.entry import Entry
from gateway.model.version import Position
from gateway.observe import metrics
from tests.stores import Store

KEPT = 1200


@pytest.fixture
async def letters(valkey_server: Store) -> AsyncIterator[Letters]:
    letters = Letters(valkey_server.url, KEPT)
    yield letters
    await letters.close()


async def test_channels_share_a_look_and_others_letters_stay(valkey_server: Store, letters: Letters) -> None:
    channels = [f"match:{number}" for number in range(40)]
    for number in range(KEPT):
        letters.put(channels[number % 40], Entry(Position(1, number), None, b"{"), "malformed")
    await letters.write()
    await letters.take("match:none")
    before = calls(valkey_server)
    await asyncio.gather(*(letters.take(name) for name in channels[1:]))
    looks = KEPT // LOOK_LETTERS + 1
    assert calls(valkey_server) - before <= 2 * looks, "the first one looks at once, all others together"
    orders = BoardOrders(valkey_server.url)
    left = await orders.letters(KEPT)
    await orders.close()
    assert [letter.channel for letter in left] == ["match:0"] * (KEPT // 40)
    # Taken away, they may come again; one that is kept does not come twice.
    for channel in ("match:0", "match:1"):
        letters.put(channel, Entry(Position(1, int(channel[6:])), None, b"{"), "malformed")
    await letters.write()
    assert valkey_server.client.xlen(LETTERS_KEY) == KEPT // 40 + 1


def calls(server: Store) -> int:
    found = server.client.info("commandstats")
    return int(found.get("cmdstat_evalsha", {}).get("calls", 0))


async def test_a_look_that_failed_is_made_again(valkey_server: Store, letters: Letters) -> None:
    for number in range(3):
        letters.put(f"match:{number}", Entry(Position(1, 0), None, b"{"), "malformed")
    await letters.write()
    valkey_server.stop()
    found = await asyncio.gather(*(letters.take(f"match:{n}") for n in range(2)), return_exceptions=True)
    assert all(isinstance(one, Exception) for one in found)
    valkey_server.start()
    await asyncio.gather(*(letters.take(f"match:{n}") for n in range(2)))
    assert [fields[b"channel"] for _, fields in valkey_server.client.xrange(LETTERS_KEY)] == [b"match:2"]


async def test_what_the_store_refuses_waits_up_to_a_bound(valkey_server: Store, letters: Letters) -> None:
    """A wrong type under the letters' key holds up nothing that is counted."""
    client = valkey_server.client
    client.set(LETTERS_KEY, "text")
    dropped = metrics.LETTERS_DROPPED._value.get()
    for number in range(REFUSED_KEPT + 30):
        letters.put("match:1", Entry(Position(1, number), None, b"{"), "malformed")
    await letters.write()
    assert letters.waiting == REFUSED_KEPT
    assert metrics.LETTERS_DROPPED._value.get() - dropped == 30
    client.delete(LETTERS_KEY)
    await letters.write()
    written = [fields[b"id"] for _, fields in client.xrange(LETTERS_KEY)]
    assert (letters.waiting, len(written), written[0]) == (0, REFUSED_KEPT, b"1-30")


def test_letters_that_wait_refused_let_the_counting_go_on() -> None:
    assert REFUSED_KEPT * LETTER_ENTRIES <= BACKLOG_MAX // 2, "a reader that has paused goes on at half"

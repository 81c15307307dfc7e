"""What operators see and order of boards: dead letters, and streams to be counted anew. Works beside any number of aggregators."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.bus.client import guarded, make_client
from gateway.model.boards import (
    LETTERS_KEY,
    RECOUNTS_KEY,
    RECOUNTS_LEFT_KEY,
    WITH_LETTERS,
    board_marks_key,
)

LETTERS_DEFAULT, LETTERS_MAX = 100, 1000
"""Letters that are read at once."""


class Letter(msgspec.Struct):
    """An entry that could not be counted.

    Args:
        entry: its first bytes, as text.
    """

    channel: str
    id: str
    reason: str
    t_ms: int | None
    entry: str


class Letters(msgspec.Struct):
    """Letters, the newest first."""

    letters: list[Letter]


class BoardOrders:
    """Reads letters, and asks for recounts, in the store at `url`."""

    def __init__(self, url: str) -> None:
        self._client = make_client(url, connections=2)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def letters(self, count: int, channel: str | None = None) -> list[Letter]:
        """The newest letters, the newest first.

        Args:
            channel: of this channel only.

        Raises:
            BusError
        """
        found: list[Letter] = []
        last = "+"
        while len(found) < count:
            rows: Any = await guarded(self._client.xrevrange(LETTERS_KEY, last, "-", 500))
            for _, fields in rows:
                name = _text(fields[b"channel"])
                if channel is None or name == channel:
                    stamp = fields[b"t"]
                    found.append(
                        Letter(
                            name,
                            _text(fields[b"id"]),
                            _text(fields[b"reason"]),
                            int(stamp) if stamp else None,
                            _text(fields[b"e"]),
                        )
                    )
            if len(rows) < 500:
                break
            last = f"({_text(rows[-1][0])}"
        return found[:count]

    async def channels_of(self, board: str) -> list[str]:
        """The channels that have ever added to the board.

        Raises:
            BusError
        """
        names: Any = await guarded(self._client.hkeys(board_marks_key(board)))
        return sorted(_text(name) for name in names)

    async def recount(self, channels: Sequence[str], letters: bool = False) -> None:
        """Asks the channels' aggregators to count them anew, from their streams and the history.

        Args:
            letters: their dead letters are tried again; an entry that is still poison comes back.

        Raises:
            BusError
        """
        if channels:
            await guarded(self._client.hdel(RECOUNTS_LEFT_KEY, *channels))
            request = (WITH_LETTERS if letters else "") + os.urandom(8).hex()
            mapping: Any = dict.fromkeys(channels, request)
            await guarded(self._client.hset(RECOUNTS_KEY, mapping=mapping))

    async def waiting(self, channels: Sequence[str]) -> int:
        """How many of the channels are not counted anew yet.

        Raises:
            BusError
        """
        if not channels:
            return 0
        found: Any = await guarded(self._client.hmget(RECOUNTS_KEY, list(channels)))
        return sum(request is not None for request in found)

    async def left(self, channels: Sequence[str]) -> dict[str, str]:
        """Those of the channels that were left as they are, and what of them is missing.

        Raises:
            BusError
        """
        found: Any = await guarded(self._client.hmget(RECOUNTS_LEFT_KEY, list(channels))) if channels else []
        return {name: _text(why) for name, why in zip(channels, found, strict=True) if why is not None}


def _text(value: bytes) -> str:
    return value.decode(errors="replace")

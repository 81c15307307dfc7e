"""Channels that nothing was published under: a match's boards and history are of one match only.

Owns how the next name is made; never opens a channel.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Protocol

from gateway.model.names import CHANNEL_MAX_ID_CHARS, id_of, kind_of


class Listing(Protocol):
    """What is needed of the bus's writing side (gateway.bus.publisher.Publisher)."""

    def channels(self, kind: str = "*") -> AsyncIterator[str]:
        """Every channel of a kind that has a stream."""


class FreshChannels:
    """Gives each name once: as it is wished, or with the first number behind it that is free."""

    def __init__(self, store: Listing) -> None:
        self._store = store
        self._given: set[str] = set()

    async def take(self, wished: str) -> str:
        """A channel that is neither in the store nor given yet.

        Raises:
            BusError: the store cannot be asked.
        """
        there = {name async for name in self._store.channels(kind_of(wished))} | self._given
        numbered = (_with_number(wished, number) for number in count(2))
        name = wished if wished not in there else next(name for name in numbered if name not in there)
        self._given.add(name)
        return name


def _with_number(channel: str, number: int) -> str:
    end = f"-{number}"
    return f"{kind_of(channel)}:{id_of(channel)[: CHANNEL_MAX_ID_CHARS - len(end)]}{end}"

"""What a wake-up method is to the bus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Unsuitable(Exception):
    """The method does not work here.

    Args:
        instead: the method to use from now on.
        reason: told to operators.
    """

    def __init__(self, instead: str, reason: str) -> None:
        super().__init__(reason)
        self.instead = instead
        self.reason = reason


class Wakeup(Protocol):
    """One way to hear of changes. Owns its connections; tells `Tails` what has changed."""

    name: str
    reason: str

    async def run(self) -> None:
        """Runs until cancelled.

        Raises:
            Unsuitable: another method is to be used.
            BusError, redis.RedisError, OSError: its connection is lost.
        """
        ...

    def added(self, channel: str) -> None:
        """A channel is followed from now on."""
        ...

    def removed(self, channel: str) -> None:
        """A channel is followed no more."""
        ...

    async def missed(self, channels: Sequence[str]) -> None:
        """The net has found entries that this method had not told of."""
        ...

    async def close(self) -> None:
        """Closes the connections; `run` has ended before."""
        ...

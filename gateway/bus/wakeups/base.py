"""What a wake-up method is to the bus, and the bus to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class Stirred(Protocol):
    """The bus, as a wake-up method sees it."""

    @property
    def followed(self) -> Mapping[str, Any]:
        """Every followed channel (a `redis_streams.Followed` each)."""
        ...

    def stir(self, channels: Iterable[str]) -> None:
        """These channels may have new entries."""
        ...

    async def read_now(self, channels: Iterable[str]) -> int:
        """Reads these channels' tails; how many new entries were found."""
        ...

    def use_instead(self, name: str, reason: str) -> None:
        """This method does not work here."""
        ...


class Wakeup(Protocol):
    """One way to hear of changes."""

    name: str
    reason: str

    async def run(self) -> None:
        """Runs until its connection is lost, which it raises."""
        ...

    def added(self, channel: str) -> None: ...

    def removed(self, channel: str) -> None: ...

    async def close(self) -> None: ...

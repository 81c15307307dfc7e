"""The bus: what an edge needs of a store. Adapters follow it and pass one contract suite (tests/bus).

Wake-ups are apart from content: a wake-up says that a stream changed, then its tail is read from the last entry known,
inclusive, so that every read confirms the history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.model.entry import Entry
from gateway.model.version import Position


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream: its first entry kept, the last id it ever gave out, and how many entries it keeps.

    Args:
        added: entries that it was ever given; None where the store does not count them.
    """

    first: Position | None
    last_generated: Position | None
    length: int
    added: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it has surely kept every entry that it was given."""
        return self.added == self.length


class Sink(Protocol):
    """Who follows a channel. Calls are quick, synchronous, and never raise (a channel whose sink raises is let go)."""

    def on_entries(self, channel: str, entries: list[Entry]) -> None:
        """New entries, in order, after those given before."""
        ...

    def on_confirm_failed(self, channel: str) -> None:
        """The store tells another history than the entries given before; the channel is followed no more."""
        ...

    def on_store(self, connected: bool) -> None:
        """The connection was lost, or is back."""
        ...

    def on_broken(self, channel: str, reason: str) -> None:
        """The stream cannot be read (`wrong_type`, `NotPermitted`), told once; the channel is tried again by and by."""
        ...


class Bus(Protocol):
    """The reading side."""

    wakeup: str
    wakeup_reason: str
    connected: bool
    """Whether the store can be read now."""
    reconnects: int
    """Times that the connection came back after a loss."""

    async def connect(self) -> None:
        """Connects, and goes on trying in the background when that fails.

        Raises:
            Unavailable: the store cannot be reached now.
            NotPermitted: it does not let us in.
        """
        ...

    async def close(self) -> None: ...

    async def tail(self, channel: str) -> StreamInfo | None:
        """What the stream holds; None when there is none.

        Raises:
            Unavailable, WrongType
        """
        ...

    async def read(self, channel: str, start: Position | None, end: Position | None, count: int) -> list[Entry]:
        """Entries from `start` to `end`, both inclusive; None is the stream's end on that side."""
        ...

    async def keyframes(self, channel: str) -> list[bytes]:
        """The channel's keyframes, newest first."""
        ...

    def follow(self, channel: str, after: Entry | Position | None, sink: Sink, digest: int | None = None) -> None:
        """Gives `sink` all entries after `after` (None: from the beginning).

        Args:
            digest: of the entry at `after` where that is a Position, so that the first read can confirm it as well
                (an Entry brings its own); without it the first read takes what the store has there.
        """
        ...

    def unfollow(self, channel: str) -> None:
        """Ends following."""
        ...

    def confirmed_s(self, channel: str) -> float | None:
        """When the channel's newest entry was last read and its history confirmed (the loop's clock); None: not since."""
        ...

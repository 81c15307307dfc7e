"""What the runner needs of whoever derives something from streams: keyframes, boards, history.

A sink keeps its own watermark for each channel, moved together with what it writes. The runner gives it every entry after that,
in order within a channel, from one process at a time (almost: see leases), and again after a crash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.model.entry import Entry
from gateway.model.version import Position


@dataclass(frozen=True, slots=True)
class Start:
    """Where a sink goes on in a channel.

    Args:
        after: the last entry that it has; None: from the stream's beginning.
        digest: that entry's digest (entry.entry_digest_of), so that the first read can tell whether the stream still has it.
        past: what is to be given before the stream is followed, page by page: then it is followed from the last entry of these.
    """

    after: Position | None = None
    digest: int | None = None
    past: AsyncIterator[list[Entry]] | None = None


class Sink(Protocol):
    """Derives something from entries. `take`, `close` and `history_lost` are quick, synchronous, and never raise."""

    name: str
    backlog_max: int
    """Entries taken and not yet written above which the runner gives no more; it goes on below half of it."""

    def wants(self, channel: str) -> bool:
        """Whether it takes the entries of that channel at all."""
        ...

    async def open(self, channels: Sequence[str]) -> dict[str, Start]:
        """Begins these channels; one that is left out is tried again later.

        Raises:
            BusError, OSError: none of them can be opened now.
        """
        ...

    def take(self, channel: str, entries: list[Entry]) -> None:
        """New entries of an open channel."""
        ...

    def history_lost(self, channel: str) -> None:
        """The stream does not have the entries given before any more; the channel is closed, and opened again."""
        ...

    def close(self, channel: str) -> None:
        """The channel belongs to another process now; what was taken may still be written."""
        ...

    @property
    def backlog(self) -> int:
        """Entries taken and not yet written."""
        ...

    async def run(self) -> None:
        """Writes until cancelled. Raises only what is a bug: a store that is away is waited for."""
        ...

    async def flush(self) -> None:
        """Writes what was taken as far as it can be written now; called at the end, within some seconds."""
        ...

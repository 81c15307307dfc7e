"""What is left of a channel in its stream and in the history together: whether it is all of it, and its entries in order. Sans-IO.

A stream is trimmed from its beginning, and counts what it was ever given; so the history's part is known to be all of what
was trimmed when it has as many entries as are missing, without a hole, up to the stream's first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from gateway.history.errors import HistoryError
from gateway.model.entry import Entry, entry_digest_of
from gateway.model.version import Position

ReadStream = Callable[[Position, int], Awaitable[list[Entry]]]
"""Entries of the stream from a position on, at most so many."""
ReadHistory = Callable[[Position, Position], AsyncIterator[list[Entry]]]
"""Entries of the history from a position (inclusive) up to another (exclusive), page by page."""

NEITHER = "in neither the stream nor the history"

Trimmed = Callable[[], Awaitable[tuple[Position, int]]]
"""The stream's first entry now (or its next one), and how many came before it."""


class Missing(HistoryError):
    """A part of a channel is in neither the stream nor the history; its text says which."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the history has of an epoch before the stream's first entry.

    Args:
        last_seq: the last entry stored.
        kept: entries of it that are stored still.
    """

    epoch: int
    last_seq: int
    kept: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Whether a channel can be counted from its beginning.

    Args:
        first: its first entry, from which on nothing is missing; None where something is.
        missing: what is in neither.
    """

    first: Position | None
    missing: str = ""


def entries_before(count: int, position: Position) -> str:
    """So many entries, in words."""
    return f"{count} {'entry' if count == 1 else 'entries'} before {position}"


def surveyed(parts: Iterable[Part], first: Position, trimmed: int) -> Survey:
    """Whether the history has what was trimmed.

    Args:
        parts: of the epochs up to that of `first`, the newest first.
        first: the stream's first entry, or the next one where it has none.
        trimmed: entries that the stream was given and has no longer.
    """
    found, begin = 0, first
    for part in parts:
        wanted = first.seq if part.epoch == first.epoch else part.last_seq + 1
        if begin is first and part.epoch < first.epoch and first.seq:
            break
        if part.kept != wanted:
            return Survey(None, f"{NEITHER}: {entries_before(wanted - part.kept, Position(part.epoch, wanted))}")
        found, begin = found + wanted, Position(part.epoch, 0)
        if found >= trimmed:
            break
    if found == trimmed:
        return Survey(begin)
    if found > trimmed:
        return Survey(None, f"before {first} the history has entries that the stream was never given")
    return Survey(None, f"{NEITHER}: {entries_before(trimmed - found, begin)}")


async def joined(
    first: Position, newest: Position, read: ReadStream, kept: ReadHistory, trimmed: Trimmed | None, page: int
) -> AsyncIterator[list[Entry]]:
    """A channel's entries from `first` on, page by page; what its stream has trimmed by then comes from the history.

    Args:
        newest: the last id that the stream had given out; all before it that the stream has not is in the history.
        trimmed: to prove that the history has every entry; None where `first` is not the channel's first: then no epoch may
            end within the history, as nothing tells whether it has the epoch's last.
        page: entries of one read.

    Raises:
        Missing
    """
    last: Entry | None = None
    given, unproven = 0, False
    while True:
        found = await read(first if last is None else last.position, page)
        if last is not None and found and found[0].position == last.position:
            if entry_digest_of(found[0]) != entry_digest_of(last):
                raise Missing(f"the stream and the history do not tell the same of {last.position}")
            found = found[1:]
            if not found:
                return
        elif last is not None or not found or found[0].position != first:
            start = first if last is None else last.position.next
            end = found[0].position if found else newest.next
            if trimmed is None and start.epoch != end.epoch:
                raise Missing(f"{NEITHER}, as far as is known: entries from {start} to {end}")
            before = last
            async for entries in kept(start, end):
                for entry in entries:
                    _check(last, entry.position, first)
                    last = entry
                given += len(entries)
                yield entries
            if last is not before:
                unproven = True
                continue
            if found:
                _check(last, found[0].position, first)
            elif last is None or last.position < newest:
                raise Missing(f"{NEITHER}: entries from {start} on")
            if trimmed is not None and (unproven or (last is not None and last.position.epoch != end.epoch)):
                first_now, gone = await trimmed()
                if first_now != end:
                    if not found and first_now.seq:
                        newest = Position(first_now.epoch, first_now.seq - 1)
                    continue
                if given != gone:
                    raise Missing(f"{NEITHER}: {entries_before(gone - given, end)}")
                unproven = False
            if not found:
                return
        yield found
        last = found[-1]
        given += len(found)


def _check(last: Entry | None, position: Position, first: Position) -> None:
    """Whether an entry follows what came before it."""
    if last is None:
        follows, wanted = position == first, first
    elif position.epoch == last.position.epoch:
        follows, wanted = position == last.position.next, last.position.next
    else:
        follows, wanted = position > last.position and position.seq == 0, Position(position.epoch, 0)
    if not follows:
        raise Missing(f"{NEITHER}: entries from {wanted} to {position}")

"""How a reader gets a channel's document: the oldest keyframe that the stream confirms, then the tail.

The oldest of the kept keyframes is preferred, so that the ring reaches back over at least one keyframe's interval and
viewers of a worker that died can resume. Never writes.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.bus.base import Bus, StreamInfo
from gateway.bus.errors import NoSuchStream
from gateway.model.channel import Channel
from gateway.model.entry import Entry, entry_digest_of
from gateway.model.errors import ModelError
from gateway.model.version import Position

READ_COUNT = 500
"""Entries of one read: bounds memory and the time the loop is held."""


async def load(
    bus: Bus,
    name: str,
    make: Callable[[], Channel],
    restore: Callable[[bytes], Channel],
    fold: Callable[[Channel, list[Entry]], None],
    begin: Callable[[Channel], None],
) -> Channel:
    """The channel folded up to the newest entry.

    Args:
        make: a new empty channel.
        restore: a channel from a keyframe; raises ModelError for one that cannot be read.
        fold: folds entries into the channel and counts what was wrong with them.
        begin: told of the channel that the tail will be folded into.

    Raises:
        NoSuchStream: the stream does not exist.
        BusError: the store cannot be read.
    """
    info = await bus.tail(name)
    if info is None or info.last_generated is None:
        raise NoSuchStream(name)
    channel = None
    for frame in reversed(await bus.keyframes(name)):
        try:
            candidate = restore(frame)
        except ModelError:
            continue
        if await _confirmed(bus, candidate, info.first, info.last_generated):
            channel = candidate
            if info.first is None or not candidate.misses(info.first):
                break
            # The stream does not reach back to it; a newer one may be within its reach.
    if channel is None:
        channel = make()
    begin(channel)
    start = channel.position or Position(info.last_generated.epoch, 0)
    while True:
        entries = await bus.read(name, start, None, READ_COUNT)
        fold(channel, entries)
        if len(entries) < READ_COUNT:
            return channel
        start = entries[-1].position


async def newest_confirmed(
    bus: Bus,
    name: str,
    info: StreamInfo,
    restore: Callable[[bytes, str], Channel],
    up_to: Position | None = None,
) -> Channel | None:
    """The channel at its newest keyframe that the stream confirms; None where none fits.

    Args:
        restore: a channel from a keyframe and its name; raises ModelError for one that cannot be read.
        up_to: keyframes after this position are no use.

    Raises:
        BusError: the store cannot be read.
    """
    assert info.last_generated is not None
    for frame in await bus.keyframes(name):
        try:
            candidate = restore(frame, name)
        except ModelError:
            continue
        if up_to is not None and candidate.position is not None and candidate.position > up_to:
            continue
        if await _confirmed(bus, candidate, info.first, info.last_generated):
            return candidate
    return None


async def _confirmed(bus: Bus, channel: Channel, first: Position | None, last: Position) -> bool:
    """Whether the stream still tells the history that the keyframe ends."""
    position = channel.position
    if position is None or position > last or position.epoch != last.epoch:
        return False
    entries = await bus.read(channel.name, position, position, 1)
    if entries:
        return entry_digest_of(entries[0]) == channel.keyframe_entry_digest
    return first is not None and first > position

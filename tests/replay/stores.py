"""A real Valkey for the tests of this folder, and what its streams hold."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.bus.connect import open_bus
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.replay.recording import Event, Moment, Recording

CHANNEL = "match:test"


async def entries_of(url: str, channel: str = CHANNEL) -> list[Entry]:
    """All entries of a channel's stream."""
    bus = open_bus(url, "poll")
    try:
        return await bus.read(channel, None, None, 100_000)
    finally:
        await bus.close()


def folded(entries: list[Entry]) -> dict[str, Any]:
    """The document that a viewer of the stream ends on."""
    channel = Channel(CHANNEL, ChannelLimits())
    for entry in entries:
        assert channel.fold(entry, 0).kind in ("applied", "reset")
    return channel.doc


def events_in(entries: list[Entry]) -> list[Event]:
    """The events as they were published."""
    told: list[Event] = []
    for entry in entries:
        decoded = msgspec.json.decode(entry.raw)
        told.extend(decoded if isinstance(decoded, list) else [decoded])
    return told


def counting(times_ms: list[int]) -> Recording:
    """A recording that counts: each moment scores once, so that a lost or repeated one shows in the score."""
    state = {"title": "Count", "teams": {"a": {"score": 0}}, "clock": {"t_ms": 0, "running": True}}
    told: list[Moment] = [(t_ms, [{"op": "score", "team": "a", "number": n}]) for n, t_ms in enumerate(times_ms)]
    return Recording("count", "Count", "arena", state, told, times_ms[-1])

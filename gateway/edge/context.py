"""What everything of one worker shares: settings, clock, store, plane. Made once by the worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.bus.base import Bus
from gateway.edge.encoding import Encoder
from gateway.edge.keepers import Keepers
from gateway.edge.plain import plain_step
from gateway.edge.plane import Plane
from gateway.model.audience import Audience
from gateway.model.channel import ChannelLimits
from gateway.model.rules import Rules, load_rules
from gateway.settings import Settings
from native.step import Step


def wall_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def channel_limits(settings: Settings) -> ChannelLimits:
    """The limits of a channel as the settings have them."""
    channel = settings.channel
    return ChannelLimits(
        max_entry_bytes=channel.max_event_bytes,
        max_depth=channel.max_depth,
        ring_entries=channel.ring_entries,
        ring_bytes=channel.ring_bytes,
        feed_entries=channel.feed_entries,
    )


@dataclass(slots=True)
class Context:
    """One worker's shared parts.

    Attributes:
        index: the worker's number, 0-based.
        audiences: every configured audience by name.
        keepers: which boards' channels have a writer.
        step: takes plain entries; None where there are none.
        now_ms: the wall clock; given so that nothing below reads it by itself.
    """

    index: int
    settings: Settings
    loop: asyncio.AbstractEventLoop
    bus: Bus
    plane: Plane
    encoder: Encoder
    audiences: dict[str, Audience]
    channel_limits: ChannelLimits
    now_ms: Callable[[], int] = wall_ms
    load_rules: Callable[[str], Rules] = load_rules
    keepers: Keepers = field(default_factory=Keepers)
    step: Step | None = field(init=False)

    def __post_init__(self) -> None:
        self.step = plain_step(self)

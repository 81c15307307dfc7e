"""How a viewer goes on from a version that lies between two flushes: by the entries that the owner's channel still has.

Asks channel and view alone; changes neither, sends nothing (PROTOCOL: Resume).
"""

from __future__ import annotations

from typing import Any

from gateway.edge.outlet import HOLD, Outlet, Resume
from gateway.model.channel import Channel
from gateway.model.errors import BadVersion
from gateway.model.patch import Patch
from gateway.model.version import Position, Version

NOTHING = Position(0, 0)
"""Where a channel stands into which nothing was ever posted."""


def resume(channel: Channel | None, outlet: Outlet, since: str) -> Resume:
    """Answers a `since` that the outlet's view does not know, entry by entry.

    Args:
        channel: the owner's; None while it is loaded.
    """
    try:
        version = Version.parse(since)
    except BadVersion:
        return Resume("snapshot", reason="bad_version")
    if channel is None or outlet.view.version is None:
        return Resume("snapshot", reason="starting")
    head, newest = Version.parse(outlet.view.version), channel.position or NOTHING
    if version.position > newest:
        return HOLD
    if outlet.audience.delay_ms:
        return Resume("snapshot", reason="audience")
    start = channel.lookup(version, outlet.audience)
    if start is None:
        known = version.position.epoch == newest.epoch
        return Resume("snapshot", reason="too_old_or_other" if known else "epoch")
    if version.position > head.position:
        return HOLD
    end = channel.lookup(head, outlet.audience)
    if end is None:
        return Resume("snapshot", reason="too_old_or_other")
    patch, events, skipped = between(channel, outlet, start, end)
    return Resume("delta", (outlet.view.delta_of(since, patch, events, skipped, outlet.view.version),))


def lookup(channel: Channel, outlet: Outlet, version: str) -> int | None:
    """The index of the entry after which the outlet's version was this one; None when the channel has it no more."""
    try:
        return channel.lookup(Version.parse(version), outlet.audience)
    except BadVersion:
        return None


def between(channel: Channel, outlet: Outlet, start: int, end: int) -> tuple[Patch, list[dict[str, Any]], int]:
    """What the outlet's audience sees of the entries after `start` up to `end`: patch, newest events, events left out."""
    patch, events, skipped = channel.between(start, end)
    return outlet.audience.project_patch(patch), outlet.audience.project_events(events), skipped

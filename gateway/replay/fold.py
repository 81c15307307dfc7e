"""The reference fold: the document that a recording's events make, without store, edge or pacing.

Tests hold every viewer's document against it; the player uses it when it has to open a new epoch in the middle.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.version import Position
from gateway.replay.recording import Event, Moment, Recording, RecordingError


def reset_event(recording: Recording, state: dict[str, Any] | None = None) -> Event:
    """The event that opens an epoch with a state, by default the one that the recording opens with."""
    return {"op": "reset", "rules": recording.rules, "state": recording.state if state is None else state}


def encode_entry(events: list[Event]) -> bytes:
    """Events as the content of one stream entry."""
    return msgspec.json.encode(events[0] if len(events) == 1 else events)


def fold_file(recording: Recording, until: int | None = None) -> dict[str, Any]:
    """The document after the first `until` moments (all of them by default).

    Raises:
        RecordingError: an event is not one that a channel takes.
    """
    channel = Channel("match:fold", ChannelLimits(), ring=False)
    _fold(channel, recording, 0, [reset_event(recording)])
    moments: Iterable[Moment] = recording.events if until is None else islice(recording.events, until)
    for number, (_, events) in enumerate(moments, start=1):
        _fold(channel, recording, number, events)
    return channel.doc


def _fold(channel: Channel, recording: Recording, number: int, events: list[Event]) -> None:
    folded = channel.fold(Entry(Position(1, number), None, encode_entry(events)), 0)
    if folded.kind not in ("applied", "reset"):
        raise RecordingError(recording.match_id, f"moment {number} is {folded.kind} ({folded.reason})")

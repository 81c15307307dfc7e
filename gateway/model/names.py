"""Names of channels and of the keys that a channel has in the store. One hash tag a channel: one cluster slot."""

from __future__ import annotations

import re

from gateway.model.errors import BadName

CHANNEL_MAX_ID_CHARS = 128
CHANNEL_RE = re.compile(r"[a-z]+:[A-Za-z0-9._~-]{1,128}")
STREAM_RE = re.compile(r"live:\{([a-z]+:[A-Za-z0-9._~-]{1,128})\}")

LOBBY = "lobby:matches"
"""The channel that lists the live matches."""


def check_channel(name: str) -> str:
    """Returns the name.

    Raises:
        BadName: it is not `kind:id`.
    """
    if not CHANNEL_RE.fullmatch(name):
        raise BadName(name)
    return name


def kind_of(channel: str) -> str:
    """The kind: `match` of `match:42`."""
    return channel.partition(":")[0]


def id_of(channel: str) -> str:
    """The id: `42` of `match:42`."""
    return channel.partition(":")[2]


def stream_key(channel: str) -> str:
    """The stream of a channel's events."""
    return f"live:{{{channel}}}"


def keyframe_key(channel: str) -> str:
    """The list of a channel's keyframes, newest first."""
    return f"snap:{{{channel}}}"


def epoch_key(channel: str) -> str:
    """The counter that epochs are taken from; it outlives the stream."""
    return f"epoch:{{{channel}}}"


def rows_key(channel: str) -> str:
    """The rows from which a list's one writer makes its channel, written by whoever knows each."""
    return f"rows:{{{channel}}}"


def viewers_key(channel: str) -> str:
    """Where each process puts how many watch the channel through it."""
    return f"viewers:{{{channel}}}"


def idempotency_key(channel: str, key: str) -> str:
    """Where the position of an idempotent append is remembered."""
    return f"idem:{{{channel}}}:{key}"


def channel_of(stream: str) -> str | None:
    """The channel of a stream's key; None for another key."""
    match = STREAM_RE.fullmatch(stream)
    return match[1] if match else None

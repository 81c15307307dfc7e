"""The model's errors: a closed tree, each with what a peer may be told."""

from __future__ import annotations


class ModelError(Exception):
    """Anything that the model refuses."""


class BadVersion(ModelError):
    """Text that is not a version or a position."""


class BadName(ModelError):
    """Text that is not a channel name."""


class PatchTooDeep(ModelError):
    """A JSON value nested deeper than the limit."""


class PatchTooLarge(ModelError):
    """A JSON value with more members than the limit."""


class BadKeyframe(ModelError):
    """Bytes that are not a keyframe of this channel."""


class BadMessage(ModelError):
    """A message of a viewer that does not fit the protocol.

    Args:
        detail: one sentence for the viewer.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedEntry(ModelError):
    """A stream entry that cannot be folded.

    Args:
        reason: one of `entry.REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

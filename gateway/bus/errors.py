"""What can go wrong with the store: a closed tree, without the client library's own exceptions."""

from __future__ import annotations


class BusError(Exception):
    """Anything that the bus refuses or cannot do."""


class Unavailable(BusError):
    """The store cannot be reached, or does not answer in time; trying again may help."""


class NotPermitted(BusError):
    """The user may not do that; the text names the command."""


class WrongType(BusError):
    """A key of ours holds another type."""


class NoSuchStream(BusError):
    """The channel has no stream."""


class Fenced(BusError):
    """A publisher of an old epoch: the store refuses its entries.

    Args:
        current_epoch: the newest epoch of the stream; None when it could not be read.
    """

    def __init__(self, current_epoch: int | None) -> None:
        super().__init__(f"the stream has epoch {current_epoch}")
        self.current_epoch = current_epoch


class StoreBusy(BusError):
    """An embedded store's directory is in use by another process."""

"""What can go wrong with the store: a closed tree, without the client library's own exceptions.

`temporary` says whether the same call may succeed later with nothing changed here.
"""

from __future__ import annotations

from typing import ClassVar


class BusError(Exception):
    """Anything that the bus refuses or cannot do."""

    temporary: ClassVar[bool] = False


class Unavailable(BusError):
    """The store cannot be reached, or does not answer in time; trying again may help.

    Of a write nothing is known: it may have been taken.
    """

    temporary: ClassVar[bool] = True


class ReadOnly(Unavailable):
    """The store is a replica, or has become one; nothing was written. After a failover the primary may be back."""


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

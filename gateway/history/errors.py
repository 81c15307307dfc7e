"""What can go wrong with the history's database: a closed tree, and the one place where the driver's errors become ours."""

from __future__ import annotations

import asyncpg


class HistoryError(Exception):
    """Anything that the history refuses or cannot do."""


class Unavailable(HistoryError):
    """The database cannot be reached or used now; trying again may help."""


class Busy(HistoryError):
    """An embedded database's directory is in use by another process."""


class WrongSchema(HistoryError):
    """The database's schema is not the one that this version of the gateway knows."""


DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""What the driver raises."""


def mapped(error: Exception) -> HistoryError:
    """What an exception of the driver is to us; the text of the server is kept out, as it may hold data."""
    return error if isinstance(error, HistoryError) else Unavailable(type(error).__name__)

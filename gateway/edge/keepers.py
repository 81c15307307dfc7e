"""Whether the boards' channels have a writer: only an aggregator writes them, so its end is nothing that they can tell.

One read of what the aggregators say for all channels of a worker; a channel is looked at only when that has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.bus.board_reader import BoardReader
from gateway.bus.errors import BusError
from gateway.model.names import kind_of
from gateway.model.partitions import partition_of
from gateway.observe.log import logger

LOOK_EVERY_S = 1.0
BOARD_KIND = "board"


def keeper_of(channel: str) -> int | None:
    """The partition whose aggregator writes the channel; None for channels that others write."""
    return partition_of(channel) if kind_of(channel) == BOARD_KIND else None


class Keepers:
    """What is known of the aggregators on one worker.

    Attributes:
        silent: the partitions that nobody keeps; none before the first look.
    """

    def __init__(self) -> None:
        self.silent: frozenset[int] = frozenset()

    async def watch(self, reader: BoardReader, changed: Callable[[], None]) -> None:
        """Looks until cancelled.

        Args:
            changed: called when partitions have lost or found who keeps them.
        """
        while True:
            try:
                silent = await reader.silent()
            except BusError as error:
                # Without the store every channel is paused; what was known stays.
                logger.info("keepers_not_read", error=type(error).__name__)
            else:
                if silent != self.silent:
                    logger.info("boards_kept", silent=len(silent), before=len(self.silent))
                    self.silent = silent
                    changed()
            await asyncio.sleep(LOOK_EVERY_S)

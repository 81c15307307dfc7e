"""Viewers of a demonstration: a few real connections for each match, so that presence has somebody to count."""

from __future__ import annotations

import asyncio

from gateway.client import Refused, Viewer
from gateway.observe.log import logger

SIZES = (5, 3, 2, 4)
"""Viewers of the first show, of the second …; after the last the first again."""

NOT_THERE = 404
AGAIN_S = 0.5


class Crowd:
    """Goes with each show from match to match.

    Args:
        url: the gateway.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._watching: dict[int, list[asyncio.Task[None]]] = {}

    def watch(self, show: int, channel: str) -> None:
        """The viewers of a show leave the match before and watch this one."""
        for task in self._watching.get(show, []):
            task.cancel()
        self._watching[show] = [asyncio.create_task(self._look(channel)) for _ in range(SIZES[show % len(SIZES)])]

    async def close(self) -> None:
        """All leave."""
        tasks = [task for some in self._watching.values() for task in some]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, channel: str) -> None:
        while True:
            try:
                await Viewer(self._url, channel, feed_entries=1).run(lambda _: None)
            except Refused as error:
                if error.status != NOT_THERE:
                    logger.warning("crowd_refused", channel=channel, error=str(error))
                    return
                # They have come before the first event.
                await asyncio.sleep(AGAIN_S)

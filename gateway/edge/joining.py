"""Equal reads at work at once are one: whoever asks while it goes on gets the same answer. Its keys are gone when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Joining:
    """The reads at work of one worker."""

    def __init__(self) -> None:
        self._working: dict[Hashable, asyncio.Future[Any]] = {}

    async def once(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """The answer of one read for all that ask with this key meanwhile; not to be changed by any of them.

        Args:
            key: everything that the answer depends on.
            read: begun where none is at work; it goes on when who asked first is gone.

        Raises:
            whatever the read raises, for all who wait for it.
        """
        task = self._working.get(key)
        if task is None:
            task = asyncio.ensure_future(read())
            self._working[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        return cast(T, await asyncio.shield(task))

    def _finished(self, key: Hashable, task: asyncio.Future[Any]) -> None:
        del self._working[key]
        if not task.cancelled():
            # Whoever asked may be gone; the failure was for him.
            task.exception()

"""Questions of a worker to its supervisor: what only the whole gateway's process knows, for a request on the public port."""

from __future__ import annotations

import asyncio

import msgspec

from gateway.edge import control
from gateway.edge.failures import RateLimited, Unavailable

ASKED_MAX = 64
"""Questions under way at once."""
ANSWER_TIMEOUT_S = 10.0
NOTHING = msgspec.Raw(b"null")


class Asking:
    """Asks over the control line."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._ref = 0

    async def ask(self, view: str, of: str = "") -> msgspec.Raw | None:
        """The view as JSON; None when there is no such thing.

        Raises:
            RateLimited, Unavailable
        """
        if len(self._waiting) >= ASKED_MAX:
            raise RateLimited("too many operators ask at once")
        self._ref += 1
        ref = self._ref
        future: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._waiting[ref] = future
        try:
            control.say(self._writer, control.Asked(ref, view, of))
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await future
        except (ConnectionError, TimeoutError):
            raise Unavailable("the supervisor does not answer") from None
        finally:
            del self._waiting[ref]
        return None if answer == NOTHING else answer

    def told(self, answer: control.Told) -> None:
        """The supervisor has answered."""
        future = self._waiting.get(answer.ref)
        if future is not None and not future.done():
            # A copy: the line that it was read from is gone after this.
            future.set_result(msgspec.Raw(bytes(answer.view)))

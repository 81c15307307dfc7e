"""When to connect again: 1, 2, 4 … 30 s with full jitter, or what the server's `bye` asked for. Pure.

Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), full jitter.
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_MS = 1_000
LAST_MS = 30_000
ASKED_MAX_MS = 600_000
"""A server that asks for more time is asked again after this."""


class Backoff:
    """The delays of one connection.

    Args:
        random: a number in [0, 1).
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._attempt = 0
        self._asked: tuple[int, int] | None = None

    def connected(self) -> None:
        """The connection works: the next loss starts from the beginning."""
        self._attempt = 0
        self._asked = None

    def bye(self, retry_ms: tuple[int, int]) -> None:
        """The server said when to come back."""
        low, high = (min(ASKED_MAX_MS, max(0, ms)) for ms in retry_ms)
        self._asked = low, high

    def next_ms(self) -> int:
        """How long to wait before the next attempt."""
        if self._asked is not None:
            low, high = self._asked
            self._asked = None
            return low + int(self._random() * max(0, high - low))
        ceiling = min(LAST_MS, FIRST_MS << min(self._attempt, 16))
        self._attempt += 1
        return int(self._random() * ceiling)

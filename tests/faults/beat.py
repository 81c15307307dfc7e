"""A publisher that goes on at a steady rate in a thread, so that faults happen under load."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import redis

from tests.system.publishing import Studio


class Beat:
    """Publishes numbered events at a rate, through outages of the store.

    Attributes:
        acknowledged: numbers that the store has confirmed, in order.
    """

    def __init__(self, studio: Studio, per_s: float) -> None:
        self.acknowledged: list[int] = []
        self.errors = 0
        self._studio = studio
        self._interval_s = 1 / per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Beat:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Publishes no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        due = time.monotonic()
        while not self._stop.is_set():
            number += 1
            event = {"n": number, f"k{number % 5}": number if number % 7 else None}
            try:
                self._studio.patch({"figures": event}, op="beat", sent_us=time.time_ns() // 1000)
                self.acknowledged.append(number)
            except redis.RedisError:
                # Not acknowledged: it may have been taken or not, and nobody was promised anything.
                self.errors += 1
            due += self._interval_s
            self._stop.wait(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic() - 1)

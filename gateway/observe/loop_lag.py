"""How late the event loop runs a timer, and how much of that its own work explains. Sampled 100 times a second.

A loop is late because something held it, or because the machine gave the processor to others. What held it is at most what its
thread spent in processor time since the timer was due; since no one looks at a clock just then, it is counted from the last
moment before it at which somebody did: the sample before, or what runs often on the loop and says so by `passing`.
"""

from __future__ import annotations

import asyncio
import time

from gateway.observe.gathered import GatheredHistogram
from gateway.observe.metrics import LOOP_HELD, LOOP_LAG

SAMPLE_S = 0.01
SETTLE_EVERY = 10
"""Samples that are settled into the metrics together."""

_lag = GatheredHistogram(LOOP_LAG)
_held = GatheredHistogram(LOOP_HELD)

_due_s = 0.0
_spent_s = 0.0
"""Processor time of the loop's thread at the last look at it before the next sample is due."""


async def watch() -> None:
    """Samples until cancelled."""
    sampling = _Sampling(asyncio.get_running_loop())
    try:
        await asyncio.Event().wait()
    finally:
        sampling.stop()


class _Sampling:
    """Samples of one loop: timers without a task, which would be woken a hundred times a second for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._unsettled = 0
        self._again()

    def stop(self) -> None:
        """Ends it."""
        self._timer.cancel()

    def _again(self) -> None:
        global _due_s, _spent_s
        _spent_s = time.thread_time()
        _due_s = self._loop.time() + SAMPLE_S
        self._timer = self._loop.call_later(SAMPLE_S, self._sample)

    def _sample(self) -> None:
        before_s = _spent_s
        late_s = max(0.0, self._loop.time() - _due_s)
        self._again()
        _lag.observe(late_s)
        _held.observe(min(late_s, _spent_s - before_s))
        self._unsettled += 1
        if self._unsettled == SETTLE_EVERY:
            self._unsettled = 0
            _lag.settle()
            _held.settle()


def passing() -> None:
    """To be called where a callback begins that runs often: what was spent up to now does not make the next sample late."""
    global _spent_s
    if time.monotonic() < _due_s:
        _spent_s = time.thread_time()


def buckets() -> dict[str, float]:
    """How often this process's loop was at most so late, by bound in seconds (cumulative; `inf` is all)."""
    (family,) = LOOP_LAG.collect()
    return {str(float(sample.labels["le"])): sample.value for sample in family.samples if "le" in sample.labels}

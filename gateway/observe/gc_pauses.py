"""Garbage collection: what was imported is frozen, collections are rarer, and each one's pause is measured."""

from __future__ import annotations

import gc
import time

from gateway.observe.metrics import GC_PAUSE

THRESHOLDS = (50_000, 20, 100)
"""Patches and documents are trees without cycles, so collecting them seldom finds anything."""

_began_s = 0.0


def install() -> None:
    """Freezes what is there and begins to measure."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.callbacks.append(_measure)


def _measure(phase: str, info: dict[str, int]) -> None:
    global _began_s
    if phase == "start":
        _began_s = time.perf_counter()
    else:
        GC_PAUSE.labels(str(info["generation"])).observe(time.perf_counter() - _began_s)

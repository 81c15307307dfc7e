"""Garbage collection: young objects often and quickly, what lives on is frozen, a full collection is rare; pauses are measured.

Documents and patches are trees without cycles, which counting references frees; going through all of them would hold the loop
for as long as there are channels. What cyclic garbage outlives the second generation waits for the full collection.
"""

from __future__ import annotations

import asyncio
import gc
import time

from gateway.observe.metrics import GC_FROZEN, GC_PAUSE

THRESHOLDS = (1_000, 2, 1_000_000)
"""A few thousand objects that are in no cache are gone through in two milliseconds; the oldest generation is never due."""
FULL_FIRST_S = 300.0
FULL_LONGEST_S = 3600.0
WORTH_IT = 10_000
"""Objects found by a full collection; with fewer the next one comes after twice the time."""

_began_s = 0.0


def install() -> None:
    """Freezes what is there and begins to measure."""
    gc.set_threshold(*THRESHOLDS)
    gc.callbacks.append(_measure)
    collect_all()


async def watch() -> None:
    """Makes the full collections until cancelled."""
    after_s = FULL_FIRST_S
    while True:
        await asyncio.sleep(after_s)
        after_s = next_full_s(after_s, collect_all())


def next_full_s(last_s: float, found: int) -> float:
    """When the next full collection is worth its pause."""
    return FULL_FIRST_S if found >= WORTH_IT else min(FULL_LONGEST_S, last_s * 2)


def collect_all() -> int:
    """Looks at everything, frozen or not, and freezes what is left; returns how many objects were garbage."""
    gc.unfreeze()
    found = gc.collect()
    gc.freeze()
    GC_FROZEN.set(gc.get_freeze_count())
    return found


def _measure(phase: str, info: dict[str, int]) -> None:
    global _began_s
    if phase == "start":
        _began_s = time.perf_counter()
        return
    GC_PAUSE.labels(str(info["generation"])).observe(time.perf_counter() - _began_s)
    if info["generation"] == 1:
        gc.freeze()

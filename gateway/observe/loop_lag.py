"""How late the event loop runs a timer, and how much of that its own work explains. Sampled 100 times a second.

A loop is late because something held it, or because the machine gave the processor to others: of a delay, what the loop's
thread spent in processor time since the sample before is at most what held it.
"""

from __future__ import annotations

import asyncio
import time

from gateway.observe.metrics import LOOP_HELD, LOOP_LAG

SAMPLE_S = 0.01


async def watch() -> None:
    """Samples until cancelled."""
    loop = asyncio.get_running_loop()
    spent_s = time.thread_time()
    while True:
        due_s = loop.time() + SAMPLE_S
        await asyncio.sleep(SAMPLE_S)
        late_s = max(0.0, loop.time() - due_s)
        before_s, spent_s = spent_s, time.thread_time()
        LOOP_LAG.observe(late_s)
        LOOP_HELD.observe(min(late_s, spent_s - before_s))


def buckets() -> dict[str, float]:
    """How often this process's loop was at most so late, by bound in seconds (cumulative; `inf` is all)."""
    (family,) = LOOP_LAG.collect()
    return {str(float(sample.labels["le"])): sample.value for sample in family.samples if "le" in sample.labels}

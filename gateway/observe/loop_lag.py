"""How late the event loop runs a timer: the time that something held it. Sampled 100 times a second."""

from __future__ import annotations

import asyncio

from gateway.observe.metrics import LOOP_LAG

SAMPLE_S = 0.01


async def watch() -> None:
    """Samples until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + SAMPLE_S
        await asyncio.sleep(SAMPLE_S)
        LOOP_LAG.observe(max(0.0, loop.time() - due_s))


def buckets() -> dict[str, float]:
    """How often this process's loop was at most so late, by bound in seconds (cumulative; `inf` is all)."""
    (family,) = LOOP_LAG.collect()
    return {str(float(sample.labels["le"])): sample.value for sample in family.samples if "le" in sample.labels}

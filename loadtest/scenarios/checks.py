"""What the figures of a scenario are held against, each as one row of its table of checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.observe import metrics
from loadtest.gateway_process import share_within

LOOP_HELD = "grandstand_loop_held_seconds"
HELD_MAX_S = 0.005
HELD_SHARE_MAX_PERCENT = 0.1
"""Samples that may be over it: the bound is on the percentile 99.9."""
BROKEN = ("gaps", "duplicates", "violations", "malformed", "strays", "lost")

Check = dict[str, Any]


def at_most(name: str, value: float, limit: float) -> Check:
    """Held when the value is not above the limit."""
    return {"name": name, "value": value, "limit": limit, "passed": value <= limit}


def at_least(name: str, value: float, limit: float) -> Check:
    """Held when the value is not below the limit."""
    return {"name": name, "value": value, "limit": limit, "at_least": True, "passed": value >= limit}


def loop_held(before: Mapping[str, float], after: Mapping[str, float], meanwhile: str = "") -> Check:
    """How often the workers' loops were held for more than 5 ms between two readings of a gateway's metrics."""
    over = 100 - share_within(before, after, LOOP_HELD, HELD_MAX_S)
    name = f"samples of a loop held for more than {HELD_MAX_S * 1000:.0f} ms (percent){meanwhile}"
    return at_most(name, round(over, 3), HELD_SHARE_MAX_PERCENT)


def own_loop() -> dict[str, float]:
    """What `loop_lag.watch()` has seen of this process's own loop, as a gateway's metrics say it."""
    (family,) = metrics.LOOP_HELD.collect()
    return {
        f'{sample.name}{{le="{sample.labels["le"]}"}}': sample.value
        for sample in family.samples
        if "le" in sample.labels
    }


def unbroken(*summaries: Mapping[str, Any], without: tuple[str, ...] = ()) -> Check:
    """Every viewer's chain of versions was whole, and no byte out of place."""
    wanted = [name for name in BROKEN if name not in without]
    broken = sum(int(summary[name]) for summary in summaries for name in wanted)
    return at_most("gaps, duplicates and broken messages", broken, 0)

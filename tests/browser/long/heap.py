"""What the match page holds while it is open: ten minutes at 100 events a second, garbage collected before each sample.

The bound on what objects grow by is less than one pointer an event (four bytes, as Chromium compresses them): then nothing can be
kept of each. What a page fills once (the feed's 500 events, the chart's points) is full before the second half begins. Compiled
code is the engine's own affair, comes and goes for minutes by tens of kilobytes, and is only held by the bound on the whole heap.
"""

from __future__ import annotations

import statistics
import time
from itertools import combinations
from typing import Any

from loadtest.scenarios.checks import at_least, at_most
from tests.browser.long.busy import EVENTS_PER_S, busy_page
from tests.patience import until

POINTER_BYTES = 4
WHOLE_MAX = 1.1
NODES_MORE_MAX = 100
LISTENERS_MORE_MAX = 10
"""A list that scrolls has a few rows more or less; each row is some nodes, and none has a listener of its own."""


def slope(points: list[tuple[float, float]]) -> float:
    """The median slope between any two points (Theil and Sen): one odd sample does not bend it."""
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2))


def run(seconds: float = 600.0, every_s: float = 30.0) -> dict[str, Any]:
    """One page, watched for so long."""
    samples: list[dict[str, Any]] = []
    with busy_page("heap") as (match, shown, address):
        shown.do("open", url=address)
        until(lambda: shown.read()["state"] == "live", "the match")
        began_s = time.monotonic()
        while not samples or samples[-1]["at_s"] < seconds:
            time.sleep(max(0.0, began_s + every_s * (len(samples) + 1) - time.monotonic()))
            at_s = round(time.monotonic() - began_s, 1)
            samples.append({"at_s": at_s, "events": match.published, **shown.do("heap")})
        per_s = round(match.per_s, 1)
        version = shown.do("held", channel="match:heap")["version"]
        until(lambda: shown.do("held", channel="match:heap")["version"] != version, "the page to go on")
    half = samples[len(samples) // 2 :]
    grown = slope([(sample["events"], sample["objects"]) for sample in half])
    quarter = len(samples) // 4
    second, last = (
        statistics.median(sample["bytes"] for sample in some)
        for some in (samples[quarter : -2 * quarter], samples[-quarter:])
    )
    checks = [
        at_most("bytes of objects an event, slope of the second half", round(grown, 2), POINTER_BYTES),
        at_most("the whole heap in the last quarter, of the second one", round(last / second, 3), WHOLE_MAX),
        *(
            at_most(f"{name} more at the end than at half time", half[-1][name] - half[0][name], limit)
            for name, limit in (("nodes", NODES_MORE_MAX), ("listeners", LISTENERS_MORE_MAX))
        ),
        at_least("events a second", per_s, 0.95 * EVENTS_PER_S),
    ]
    return {"scenario": "page_heap", "samples": samples, "events_per_s": per_s, "checks": checks}

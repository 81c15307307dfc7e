"""`make browser`: what takes too long or too quiet a machine for `make test`, of the real page in a real browser.

`BROWSER="load heap"` takes only these. Each holds its figures against bounds (exit code 1 when one is missed) and keeps them;
the tables of docs/performance.md are made from them by `python -m loadtest.report`.
"""

from __future__ import annotations

import sys

from loadtest.running import Scenario, run_all
from tests.browser.long import away, heap, load, packed, scroll, sight

RUNS: dict[str, Scenario] = {
    "load": lambda quick: load.run(8.0, 3.0) if quick else load.run(),
    "heap": lambda quick: heap.run(20.0, 2.0) if quick else heap.run(),
    "scroll": lambda quick: scroll.run(3.0) if quick else scroll.run(),
    "away": lambda quick: away.run(0.1) if quick else away.run(),
    "sight": lambda quick: sight.run(1) if quick else sight.run(),
    "packed": lambda quick: packed.run(3) if quick else packed.run(),
}


if __name__ == "__main__":
    sys.exit(
        run_all("python -m tests.browser.long", __doc__ or "", RUNS, None, lambda name: f"make browser BROWSER={name}")
    )

"""`python -m loadtest.bench`: every scenario in turn, a line for each check, raw JSON kept, exit code 1 when one is missed or a
scenario could not be run to its end.

The tables of docs/performance.md are made from the results by `python -m loadtest.report`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from loadtest.running import run_all
from loadtest.scenarios import (
    boards,
    channels,
    churn,
    crowds,
    endurance,
    fanout,
    history,
    matches,
    openings,
    outage,
    slow,
    stadium,
    storm,
)

SCENARIOS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "fanout": lambda quick: fanout.run(rounds=5) if quick else fanout.run(),
    "deflated": lambda quick: fanout.run_deflated(rounds=5) if quick else fanout.run_deflated(),
    "openings": lambda quick: openings.run(2000, 3) if quick else openings.run(),
    "storm": lambda quick: storm.run(4000, 500, 1) if quick else storm.run(),
    "stadium": lambda quick: stadium.run(2000, 3, 1, 2) if quick else stadium.run(),
    "channels": lambda quick: channels.run(1000, 10.0, 3.0) if quick else channels.run(),
    "churn": lambda quick: churn.run(10_000, steps=10) if quick else churn.run(churn.count_wanted()),
    "crowds": lambda quick: crowds.run(500, 8.0, 3.0) if quick else crowds.run(),
    "history": lambda quick: history.run(200_000, 20_000, 1) if quick else history.run(),
    "outage": lambda quick: outage.run(50, 5.0, 10.0) if quick else outage.run(),
    "boards": lambda quick: boards.run(20_000, 50_000, 8.0) if quick else boards.run(),
    "endurance": lambda quick: endurance.run(20.0) if quick else endurance.run(),
    "matches": lambda quick: matches.run(1000, 8.0) if quick else matches.run(),
    "slow": lambda quick: slow.run(400, 40, 10.0, 1) if quick else slow.run(),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the scenarios asked for; the exit code."""
    return run_all("python -m loadtest.bench", __doc__ or "", SCENARIOS, argv)


if __name__ == "__main__":
    sys.exit(main())

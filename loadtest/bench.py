"""`python -m loadtest.bench`: every scenario in turn, a line for each check, raw JSON kept, exit code 1 when one is missed or a
scenario could not be run to its end.

The tables of docs/performance.md are made from the results by `python -m loadtest.report`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest import results
from loadtest.machine import describe
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
    "stadium": lambda quick: stadium.run(2000, 3, 2) if quick else stadium.run(),
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
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=f"of: {', '.join(SCENARIOS)} (all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and shorter runs; results are not kept")
    asked = parser.parse_args(argv)
    names = asked.scenarios or list(SCENARIOS)
    if unknown := [name for name in names if name not in SCENARIOS]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    console = Console()
    missed = 0
    for name in names:
        machine = describe()
        console.print(f"[bold]{name}[/bold] …")
        began_s = time.monotonic()
        try:
            result = SCENARIOS[name](asked.quick)
        except Exception:  # noqa: BLE001
            # The others are measured all the same; what has failed is a missed bound and more.
            console.print_exception()
            missed += 1
            continue
        if not asked.quick:
            path = results.store(result, machine, f"python -m loadtest.bench {name}")
            console.print(f"raw result: {path.name}")
        console.print(_table(result))
        console.print(f"{time.monotonic() - began_s:.0f} s")
        missed += sum(not check["passed"] for check in result["checks"])
    return 1 if missed else 0


def _table(result: dict[str, Any]) -> Table:
    table = Table()
    for heading in ("check", "measured", "limit", ""):
        table.add_column(heading)
    for check in result["checks"]:
        outcome = "[green]held[/green]" if check["passed"] else "[red]missed[/red]"
        table.add_row(
            check["name"], str(check["value"]), f"{'≥' if check.get('at_least') else '≤'} {check['limit']}", outcome
        )
    return table


if __name__ == "__main__":
    sys.exit(main())

"""Runs scenarios one after the other: a line for each check, the raw result kept, and what the exit code is to be."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest import results
from loadtest.machine import describe

Scenario = Callable[[bool], dict[str, Any]]
"""Takes whether it is to be quick; gives its figures, with `scenario` and `checks`."""


def run_all(
    program: str,
    description: str,
    scenarios: Mapping[str, Scenario],
    argv: list[str] | None,
    command: Callable[[str], str] | None = None,
) -> int:
    """Runs the scenarios that the arguments name, all by default.

    Args:
        program: how it is called, for its help.
        scenarios: by the names under which they are asked for.
        command: what is kept as the command of a scenario, where `program NAME` is not what one calls.

    Returns:
        1 when a bound was missed or a scenario could not be run to its end, else 0.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("scenarios", nargs="*", help=f"of: {', '.join(scenarios)} (all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and shorter runs; results are not kept")
    asked = parser.parse_args(argv)
    names = asked.scenarios or list(scenarios)
    if unknown := [name for name in names if name not in scenarios]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    console = Console()
    missed = 0
    for name in names:
        machine = describe()
        console.print(f"[bold]{name}[/bold] …")
        began_s = time.monotonic()
        try:
            result = scenarios[name](asked.quick)
        except Exception:  # noqa: BLE001
            # The others are measured all the same; what has failed is a missed bound and more.
            console.print_exception()
            missed += 1
            continue
        if not asked.quick:
            path = results.store(result, machine, command(name) if command else f"{program} {name}")
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

"""Runs scenarios in turn: a line for each check, the raw result kept, then the tables, and what the exit code is to be."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest import report, results
from loadtest.machine import describe

HELD = "held"
FAILED = "could not be run to its end"

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
    commands = {name: command(name) if command else f"{program} {name}" for name in names}
    if not asked.quick:
        console.print(_outlook(list(commands.values())))
    ended: list[tuple[str, float, str]] = []
    for name in names:
        machine = describe()
        console.print(f"[bold]{name}[/bold] …")
        began_s = time.monotonic()
        try:
            result = scenarios[name](asked.quick)
        except Exception:  # noqa: BLE001
            # The others are measured all the same; what has failed is a missed bound and more.
            console.print_exception()
            ended.append((name, time.monotonic() - began_s, FAILED))
            continue
        took_s = time.monotonic() - began_s
        if not asked.quick:
            path = results.store({**result, "took_s": round(took_s)}, machine, commands[name])
            console.print(f"raw result: {path.name}")
            console.print(report.figures(results.read_latest()[result["scenario"]]), markup=False, soft_wrap=True)
        console.print(_table(result))
        console.print(f"{took_s:.0f} s")
        missed = [check["name"] for check in result["checks"] if not check["passed"]]
        ended.append((name, took_s, f"missed: {'; '.join(missed)}" if missed else HELD))
    if not asked.quick:
        report.main([])
    console.print(_end(ended))
    return 0 if all(outcome == HELD for _, _, outcome in ended) else 1


def _outlook(commands: list[str]) -> str:
    """How long it is going to take, by how long each took the last time."""
    lengths = {result["command"]: result["took_s"] for result in results.read_latest().values() if "took_s" in result}
    known = [lengths[command] for command in commands if command in lengths]
    unknown = len(commands) - len(known)
    scenarios = "1 scenario" if len(commands) == 1 else f"{len(commands)} scenarios"
    return f"{scenarios}, about {_minutes(sum(known))}" + (f" and {unknown} of unknown length" if unknown else "")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _end(ended: list[tuple[str, float, str]]) -> Table:
    """All scenarios at a glance, and how long they took together."""
    table = Table("scenario", "seconds", "bounds", show_footer=True)
    table.columns[0].footer = "together"
    table.columns[1].footer = f"{sum(took_s for _, took_s, _ in ended):.0f}"
    for name, took_s, outcome in ended:
        table.add_row(
            name, f"{took_s:.0f}", f"[green]{outcome}[/green]" if outcome == HELD else f"[red]{outcome}[/red]"
        )
    return table


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

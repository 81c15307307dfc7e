"""`grandstand doctor`: is everything as the gateway needs it? One line each, with what to do."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from gateway.cli.effective import SetOption, SettingsFile, effective
from gateway.cli.examine import FAIL, Finding, build, system
from gateway.cli.examine_history import history
from gateway.cli.examine_store import store
from gateway.settings import Settings


def doctor(
    settings_file: SettingsFile = None,
    given: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line each")] = False,
) -> None:
    """Checks store, history, system and build; exit code 1 when something fails."""
    settings, _ = effective(settings_file, given)
    findings = [*system(settings), *build(), *asyncio.run(_servers(settings))]
    for finding in findings:
        if as_json:
            typer.echo(json.dumps({"level": finding.level, "what": finding.what, "todo": finding.todo}))
        else:
            typer.echo(f"{finding.level:4}  {finding.what}" + (f" — {finding.todo}" if finding.todo else ""))
    raise typer.Exit(int(any(finding.level == FAIL for finding in findings)))


async def _servers(settings: Settings) -> list[Finding]:
    return [*await store(settings), await history(settings)]

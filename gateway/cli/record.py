"""`grandstand record`: a live channel into a recording file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway.bus.connect import open_bus
from gateway.cli.effective import refuse
from gateway.cli.playing import settings_with_store
from gateway.cli.running import channel_or_refuse, clock_text, print_json, run
from gateway.replay import recorder
from gateway.replay.recorder import Recorded
from gateway.settings import SettingsError


def record(
    channel: Annotated[str, typer.Argument(help="the channel, for example match:42")],
    output: Annotated[Path, typer.Argument(help="the file to write; gzipped when it ends in .gz")],
    from_now: Annotated[
        bool, typer.Option("--from-now", help="begin with the document as it is, not with the match's beginning")
    ] = False,
    bus: Annotated[str | None, typer.Option(help="the store to read from; by default the setting bus.url")] = None,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="settings file (TOML)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the result as one JSON line on stdout, no bar")] = False,
) -> None:
    """Records a channel until its match ends, or until stopped."""
    try:
        settings = settings_with_store(settings_file, bus)
    except SettingsError as error:
        refuse(str(error))
    name = channel_or_refuse(channel)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    shown = console.is_terminal and not as_json
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task(name)

        def on_progress(recorded: Recorded) -> None:
            text = f"{name}: {clock_text(recorded.duration_ms)}, {recorded.events} events, {recorded.position}"
            progress.update(task, description=text)

        async def work(stop: asyncio.Event) -> Recorded:
            store = open_bus(settings.bus.url, settings.bus.wakeup)
            try:
                await store.connect()
                return await recorder.record(store, name, output, on_progress, stop, from_now=from_now)
            finally:
                await store.close()

        recorded = run(work)
    if as_json:
        print_json(_line(name, recorded))
    else:
        typer.echo(
            f"{recorded.path}: {recorded.events} events in {clock_text(recorded.duration_ms)}, "
            f"up to {recorded.position} ({recorded.ended})"
        )


def _line(channel: str, recorded: Recorded) -> dict[str, Any]:
    return {
        "channel": channel,
        "output": str(recorded.path),
        "ended": str(recorded.ended),
        "moments": recorded.moments,
        "events": recorded.events,
        "skipped": recorded.skipped,
        "duration_ms": recorded.duration_ms,
        "position": str(recorded.position),
    }

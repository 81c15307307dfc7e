"""`grandstand publish`: one event from the command line, or one a line from standard input, straight into the store."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Annotated

import typer

from gateway.cli.effective import SetOption, SettingsFile, effective, refuse
from gateway.cli.playing import channel_or_refuse, run
from gateway.settings import Settings


def publish(
    channel: Annotated[str, typer.Argument(help="the channel, e.g. match:42")],
    event: Annotated[
        str | None, typer.Argument(help="the event, JSON; without it, one a line from standard input")
    ] = None,
    settings_file: SettingsFile = None,
    given: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line an event")] = False,
) -> None:
    """Publishes; an event with op reset opens a new epoch."""
    settings, _ = effective(settings_file, given)
    name = channel_or_refuse(channel)
    raise typer.Exit(run(lambda stop: _publish(settings, name, event, as_json, stop)))


async def _publish(settings: Settings, channel: str, event: str | None, as_json: bool, stop: asyncio.Event) -> int:
    from gateway.bus.connect import open_publisher
    from gateway.bus.errors import Fenced
    from gateway.edge.context import channel_limits
    from gateway.model.entry import decode_events
    from gateway.model.errors import MalformedEntry

    url = settings.bus.write_url or settings.bus.url
    if not url:
        refuse("bus.url: publishing needs the store's address (--set bus.url=redis://HOST:PORT)")
    publisher = open_publisher(url)
    limits = channel_limits(settings)
    try:
        for number, line in enumerate([event] if event is not None else sys.stdin, start=1):
            if not line.strip():
                continue
            if stop.is_set():
                break
            raw = line.strip().encode()
            try:
                opens = decode_events(raw, limits)[0].op == "reset"
                position, _ = await publisher.append_idempotent(
                    channel, None, None, raw, time.time_ns() // 1_000_000, opens
                )
            except MalformedEntry as malformed:
                refuse(f"line {number} is not an event: {malformed.reason}")
            except Fenced:
                refuse(f"line {number}: {channel} does not exist yet; the first event is a reset")
            typer.echo(json.dumps({"channel": channel, "id": str(position)}) if as_json else f"{channel} {position}")
    finally:
        await publisher.close()
    return 0

"""`grandstand publish`: one event from the command line, or one a line from standard input, straight into the store."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import time
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from gateway.cli.effective import SetOption, SettingsFile, effective, fail, refuse
from gateway.cli.playing import with_store, write_url
from gateway.cli.running import channel_or_refuse, print_json, run
from gateway.settings import Settings, SettingsError


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
    try:
        settings = with_store(settings)
        url = write_url(settings)
    except SettingsError as error:
        refuse(str(error))
    run(lambda stop: _publish(settings, url, name, event, as_json, stop))


async def _publish(
    settings: Settings, url: str, channel: str, event: str | None, as_json: bool, stop: asyncio.Event
) -> None:
    from gateway.bus.connect import open_publisher
    from gateway.bus.errors import Fenced
    from gateway.edge.context import channel_limits
    from gateway.model.entry import decode_events
    from gateway.model.errors import MalformedEntry

    publisher = open_publisher(url)
    limits = channel_limits(settings)
    epoch: int | None = None
    number = 0
    try:
        async for line in _lines(event, limits.max_entry_bytes, stop):
            number += 1
            raw = line.strip()
            if not raw:
                continue
            try:
                opens = decode_events(raw, limits)[0].op == "reset"
                position, _ = await publisher.append_idempotent(
                    channel, None if opens else epoch, None, raw, time.time_ns() // 1_000_000, opens
                )
            except MalformedEntry as malformed:
                refuse(f"line {number} is not an event: {malformed.reason}")
            except Fenced as fenced:
                if fenced.current_epoch is None:
                    refuse(f"line {number}: {channel} does not exist yet; its first event is a reset")
                fail(f"line {number}: somebody else has opened epoch {fenced.current_epoch} of {channel}")
            # Later events belong to the epoch that the first one was taken into, whoever opens another meanwhile.
            epoch = position.epoch
            if as_json:
                print_json({"channel": channel, "position": str(position)})
            else:
                typer.echo(f"{channel} {position}")
    finally:
        await publisher.close()


async def _lines(event: str | None, limit_bytes: int, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """The event, or standard input's lines until its end or `stop`."""
    if event is not None:
        yield event.encode()
        return
    if stat.S_ISREG(os.fstat(0).st_mode):
        # A file never makes one wait, and the loop cannot watch it.
        for line in sys.stdin.buffer:
            if stop.is_set():
                return
            yield line
        return
    reader = asyncio.StreamReader(limit=2 * limit_bytes)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    stopped = loop.create_task(stop.wait())
    try:
        while True:
            reading = loop.create_task(reader.readline())
            await asyncio.wait((reading, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                return
            try:
                line = reading.result()
            except ValueError:
                refuse(f"a line of standard input is longer than {2 * limit_bytes} bytes")
            if not line:
                return
            yield line
    finally:
        stopped.cancel()
        transport.close()

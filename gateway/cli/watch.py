"""`grandstand watch`: a channel in the terminal, over any of the ways to watch; with `--json`, its messages line by line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from gateway.cli.effective import fail, refuse
from gateway.cli.running import channel_or_refuse, run
from gateway.cli.watch_view import WatchView
from gateway.client import Connection, Mode, Refused, Update, Viewer
from gateway.model.messages import encode_json

MODES = ("websocket", "msgpack", "sse", "poll")
REFRESHES_PER_S = 10


def watch(
    channel: Annotated[str, typer.Argument(help="the channel, e.g. match:42")],
    url: Annotated[str, typer.Option(help="the gateway")] = "http://127.0.0.1:8080",
    mode: Annotated[str, typer.Option(help="websocket, msgpack, sse or poll")] = "websocket",
    token: Annotated[str | None, typer.Option(envvar="GRANDSTAND_TOKEN", help="a token, where one is needed")] = None,
    since: Annotated[str | None, typer.Option(help="go on from this version")] = None,
    for_s: Annotated[float | None, typer.Option("--for", help="seconds, then end")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print messages as JSON lines")] = False,
) -> None:
    """Watches until Ctrl-C; a lost connection is made again and resumed by version."""
    name = channel_or_refuse(channel)
    if mode not in MODES:
        refuse(f"--mode {mode}: one of {', '.join(MODES)}")
    try:
        viewer = Viewer(url, name, mode=_mode(mode), token=token, since=since)
    except ValueError as error:
        refuse(f"--url: {error}")
    try:
        run(lambda stop: _watch(viewer, url, stop, for_s, as_json))
    except Refused as refused:
        fail(f"{name}: {refused}")
    except BrokenPipeError:
        # Whoever read the lines has read enough; the interpreter's last flush must not complain.
        sys.stderr.close()
        raise typer.Exit(0) from None


def _mode(text: str) -> Mode:
    modes: dict[str, Mode] = {"websocket": "websocket", "msgpack": "msgpack", "sse": "sse", "poll": "poll"}
    return modes[text]


async def _watch(viewer: Viewer, url: str, stop: asyncio.Event, for_s: float | None, as_json: bool) -> None:
    loop = asyncio.get_running_loop()
    stopping = loop.create_task(_stop_later(viewer, stop, for_s))
    try:
        if as_json:
            await viewer.run(_print_line)
        else:
            await _show(viewer, url)
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def _stop_later(viewer: Viewer, stop: asyncio.Event, for_s: float | None) -> None:
    try:
        async with asyncio.timeout(for_s):
            await stop.wait()
    except TimeoutError:
        pass
    viewer.close()


def _print_line(update: Update) -> None:
    if update.message is not None:
        sys.stdout.write(encode_json(update.message).decode() + "\n")
        sys.stdout.flush()
    elif update.connection is Connection.WAITING:
        typer.echo(f"grandstand: {update.detail}; again in {update.retry_ms} ms", err=True)


async def _show(viewer: Viewer, url: str) -> None:
    loop = asyncio.get_running_loop()
    view = WatchView(viewer, url, loop.time)
    console = Console()
    with Live(view, console=console, refresh_per_second=REFRESHES_PER_S, screen=console.is_terminal, transient=True):
        async with aclosing(viewer.updates()) as updates:
            async for update in updates:
                view.note(update)
    console.print(view)

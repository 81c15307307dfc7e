"""`grandstand boards`: lists boards and what they miss, rebuilds them while they stay up, shows dead letters, counts them again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.effective import SetOption, SettingsFile, effective, fail, refuse
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.bus.board_orders import BoardOrders

LETTERS_SHOWN = 1000
NOBODY_AFTER_S = 15.0


class Action(Enum):
    """What is to be done."""

    LIST = "list"
    REBUILD = "rebuild"
    LETTERS = "letters"
    REPLAY = "replay"
    TROUBLES = "troubles"


def boards(
    action: Annotated[Action, typer.Argument(help="list; rebuild; letters (the dead ones); replay them; troubles")],
    target: Annotated[
        str, typer.Argument(help="a board (rebuild) or a channel (letters, replay); all if left out")
    ] = "",
    settings_file: SettingsFile = None,
    given: SetOption = None,
) -> None:
    """Works on the store beside running aggregators; exit code 1 when it cannot be done now."""
    settings, _ = effective(settings_file, given)
    if not settings.bus.url:
        refuse("bus.url: boards are in a store that others use too")
    from gateway.bus.errors import BusError

    work: dict[Action, Callable[[Settings, str], Awaitable[None]]] = {
        Action.LIST: _list,
        Action.REBUILD: _rebuild,
        Action.LETTERS: _letters,
        Action.REPLAY: _replay,
        Action.TROUBLES: _troubles,
    }

    async def run() -> None:
        await work[action](settings, target)

    try:
        asyncio.run(run())
    except BusError as error:
        fail(f"the store: {error}")


def _url(settings: Settings) -> str:
    return settings.bus.write_url or settings.bus.url


async def _list(settings: Settings, _target: str) -> None:
    from gateway.bus.board_reader import BoardReader

    reader = BoardReader(settings.bus.url, settings.boards.stale_s)
    try:
        names = await reader.boards()
        for name, total in zip(names, await reader.totals(names), strict=True):
            complete, as_of_ms = await reader.standing(name)
            line = {"board": name, "members": total, "complete": complete, "as_of_ms": as_of_ms}
            typer.echo(json.dumps(line))
    finally:
        await reader.close()


async def _troubles(settings: Settings, _target: str) -> None:
    from gateway.bus.board_reader import BoardReader

    reader = BoardReader(settings.bus.url, settings.boards.stale_s)
    try:
        named, unnamed = await reader.troubles()
        for channel, why, missing in named:
            typer.echo(json.dumps({"channel": channel, "why": why, "missing": missing}))
        if unnamed:
            typer.echo(json.dumps({"unnamed": unnamed}))
    finally:
        await reader.close()


async def _letters(settings: Settings, target: str) -> None:
    from gateway.bus.board_orders import BoardOrders

    orders = BoardOrders(_url(settings))
    try:
        for letter in await orders.letters(LETTERS_SHOWN, target or None):
            line = {"channel": letter.channel, "id": letter.id, "reason": letter.reason, "t_ms": letter.t_ms}
            typer.echo(json.dumps({**line, "entry": letter.entry}))
    finally:
        await orders.close()


async def _replay(settings: Settings, target: str) -> None:
    from gateway.bus.board_orders import BoardOrders

    orders = BoardOrders(_url(settings))
    try:
        channels = dict.fromkeys(letter.channel for letter in await orders.letters(settings.boards.letters_kept))
        await _recount(orders, [name for name in channels if target in ("", name)], letters=True)
    finally:
        await orders.close()


async def _rebuild(settings: Settings, target: str) -> None:
    from gateway.aggregate.boards.ledger import Ledger
    from gateway.bus.board_orders import BoardOrders
    from gateway.bus.board_reader import BoardReader
    from gateway.bus.connect import open_publisher
    from gateway.model.boards import NOT_COUNTED, parse_board
    from gateway.model.names import kind_of

    if target and parse_board(target) is None:
        refuse(f"{target!r} is not a board, such as kills.all")
    url = _url(settings)
    orders, ledger, publisher = BoardOrders(url), Ledger(url, settings.boards.kept_days * 86_400), open_publisher(url)
    reader = BoardReader(url, settings.boards.stale_s)
    try:
        names = [target] if target else await reader.boards()
        if target:
            channels = await orders.channels_of(target)
        else:
            channels = sorted({name async for name in publisher.channels() if kind_of(name) not in NOT_COUNTED})
        counted = await _recount(orders, channels)
        for name in names:
            await ledger.repair(name)
        typer.echo(f"{len(names)} boards are made from {counted} streams")
    finally:
        for one in (orders, ledger, publisher, reader):
            await one.close()


async def _recount(orders: BoardOrders, channels: list[str], letters: bool = False) -> int:
    """Returns when all are counted anew that can be, with their number; the others are told of."""
    await orders.recount(channels, letters)
    left, moved_s = len(channels), time.monotonic()
    while left:
        await asyncio.sleep(0.2)
        now = await orders.waiting(channels)
        if now != left:
            left, moved_s = now, time.monotonic()
            typer.echo(f"{len(channels) - left} of {len(channels)} streams are counted", err=True)
        elif time.monotonic() - moved_s > NOBODY_AFTER_S:
            fail(f"{left} streams wait to be counted: is an aggregator at work, and do these streams exist still?")
    leftover = await orders.left(channels)
    for name, why in sorted(leftover.items()):
        typer.echo(f"{name}: left as it is: {why}", err=True)
    return len(channels) - len(leftover)

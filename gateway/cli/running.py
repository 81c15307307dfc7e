"""What commands share that run for a while: their end by signal, one-line errors, the form of what they print."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from gateway.bus.errors import BusError, Unavailable
from gateway.cli.effective import fail, refuse
from gateway.model.errors import BadName
from gateway.model.names import check_channel
from gateway.replay.recording import RecordingError
from gateway.settings import SettingsError

T = TypeVar("T")


def channel_or_refuse(name: str) -> str:
    """The name, if it is one of a channel."""
    try:
        return check_channel(name)
    except BadName:
        refuse(f"{name!r} is not a channel; one looks like match:42")


def run(work: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """Runs a command's work; Ctrl-C and SIGTERM set the event that it is given."""

    async def main() -> T:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        return await work(stop)

    try:
        return asyncio.run(main())
    except (RecordingError, SettingsError) as error:
        refuse(str(error))
    except Unavailable as error:
        fail(f"the store cannot be reached ({error})")
    except BusError as error:
        fail(f"the store: {error}")


def clock_text(t_ms: int) -> str:
    """Minutes and seconds."""
    return f"{t_ms // 60_000}:{t_ms // 1000 % 60:02}"


def print_json(line: dict[str, Any]) -> None:
    """One line of JSON on stdout."""
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()

"""Runs a gateway with its own store and plays several matches at once into it, round after round, until stopped.

Owns the order of beginning and ending; what is played is gateway.replay.programme's choice.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from gateway.bus.connect import open_publisher
from gateway.bus.embedded import EmbeddedValkey
from gateway.bus.errors import BusError
from gateway.bus.publisher import Publisher
from gateway.demo.crowd import Crowd
from gateway.edge.supervisor import Supervisor
from gateway.replay.fresh import FreshChannels
from gateway.replay.programme import VARIABLE, Show, channel_of, interesting_start_ms, programme, speed_of
from gateway.replay.recording import RecordingError
from gateway.replay.rounds import Round, play_rounds
from gateway.settings import Settings


def check_port(host: str, port: int) -> None:
    """Workers share their port with whoever lets them, and so with another gateway: a demonstration has its own.

    Raises:
        OSError: it is taken, or there is no such address.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def demo_settings(settings: Settings) -> Settings:
    """Settings for a demonstration: whoever reaches it may watch and publish."""
    access = msgspec.structs.replace(settings.access, anonymous=True, anonymous_publish=True)
    return msgspec.structs.replace(settings, access=access)


async def run_demo(
    settings: Settings,
    matches: Path | None,
    tell: Callable[[str], None] = print,
    stop: asyncio.Event | None = None,
) -> int:
    """Serves and plays until `stop` is set or a signal comes; returns the exit code.

    Raises:
        OSError: a port is taken.

    Args:
        matches: where recorded matches are looked for; None: nowhere.
        tell: shows one line to whoever started the demonstration.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    check_port(settings.listen.host, settings.listen.port)
    async with AsyncExitStack() as parts:
        settings = demo_settings(settings)
        if not settings.bus.url:
            directory = parts.enter_context(tempfile.TemporaryDirectory(prefix="grandstand-demo-"))
            store = EmbeddedValkey(Path(directory), settings.bus.embedded_port or None)
            await store.start()
            parts.push_async_callback(store.stop)
            settings = msgspec.structs.replace(settings, bus=msgspec.structs.replace(settings.bus, url=store.url))
        if not settings.history.url:
            # As the store's, a demonstration's history lasts as long as the demonstration.
            directory = parts.enter_context(tempfile.TemporaryDirectory(prefix="grandstand-demo-history-"))
            history = msgspec.structs.replace(settings.history, embedded_dir=directory)
            settings = msgspec.structs.replace(settings, history=history)
        supervisor = Supervisor(settings)
        parts.push_async_callback(supervisor.close)
        await supervisor.start()
        publisher = open_publisher(settings.bus.write_url or settings.bus.url)
        parts.push_async_callback(publisher.close)
        crowd = Crowd(supervisor.url)
        parts.push_async_callback(crowd.close)
        tell(f"Grandstand is at {supervisor.url}, its store at {settings.bus.url}")
        tell(f"The operator's page is at {supervisor.admin_url}/operator")
        await _Programme(publisher, crowd, supervisor.url, tell, stop).play(programme(matches), matches)
    return 0


def _command() -> str:
    """How this terminal calls the command: by its name where that leads here, else by its path."""
    here = Path(sys.executable).parent / "grandstand"
    found = shutil.which("grandstand")
    known = found is not None and Path(found).resolve() == here.resolve()
    return "grandstand" if known or not here.exists() else os.path.relpath(here)


class _Programme:
    """All shows of one demonstration."""

    def __init__(
        self, publisher: Publisher, crowd: Crowd, url: str, tell: Callable[[str], None], stop: asyncio.Event
    ) -> None:
        self._publisher = publisher
        self._crowd = crowd
        self._fresh = FreshChannels(publisher)
        self._url = url
        self._tell = tell
        self._stop = stop
        self._playing: list[str] = []

    async def play(self, shows: list[Show], matches: Path | None) -> None:
        """Plays all shows until stopped; one that cannot be played is told and left out."""
        recorded = any(not show.simulated for show in shows)
        if recorded:
            source = f"recordings of {matches}"
        elif matches is not None:
            source = f"simulated matches (there are no recordings in {matches})"
        else:
            source = f"simulated matches (--matches or ${VARIABLE} names a folder of recordings)"
        self._tell(f"Playing {source}, one match after the other:")
        begun = [asyncio.Event() for _ in shows]
        async with asyncio.TaskGroup() as tasks:
            for number, (show, event) in enumerate(zip(shows, begun, strict=True)):
                tasks.create_task(self._play_show(number, show, event))
            for event in begun:
                await event.wait()
            for channel in self._playing[:1]:
                self._tell(f"In a terminal: {_command()} watch {channel} --url {self._url}")
            self._tell("Ctrl-C ends everything.")
            await self._stop.wait()

    async def _play_show(self, number: int, show: Show, begun: asyncio.Event) -> None:
        async def following(round_number: int) -> Round:
            recording = await asyncio.to_thread(show.recording, round_number)
            begin_ms = 0
            if round_number == 0:
                begin_ms = await asyncio.to_thread(interesting_start_ms, recording, speed_of(recording))
            return Round(await self._fresh.take(channel_of(recording.match_id)), recording, begin_ms)

        def on_round(_number: int, chosen: Round) -> None:
            recording, begin_s = chosen.recording, chosen.begin_ms // 1000
            place = f"from {begin_s // 60}:{begin_s % 60:02} of {recording.duration_ms // 60_000} min"
            self._tell(f"  {chosen.channel:32} {recording.title} ({speed_of(recording):g}x, {place})")
            self._playing.append(chosen.channel)
            self._crowd.watch(number, chosen.channel)
            begun.set()

        try:
            await play_rounds(following, self._publisher, speed_of, self._stop, on_round=on_round)
        except (RecordingError, BusError) as error:
            self._tell(f"  {show.name:32} cannot be played: {error}")
        finally:
            begun.set()

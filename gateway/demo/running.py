"""Runs a gateway with its own store and plays several matches at once into it, round after round, until stopped.

Owns the order of beginning and ending; what is played is gateway.replay.programme's choice.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from gateway.bus.connect import open_publisher
from gateway.bus.embedded import EmbeddedValkey
from gateway.bus.errors import BusError
from gateway.bus.publisher import Publisher
from gateway.edge.supervisor import Supervisor
from gateway.observe.log import logger
from gateway.replay.programme import Show, interesting_start_ms, programme, speed_of
from gateway.replay.recording import Recording, RecordingError
from gateway.replay.rounds import play_rounds
from gateway.settings import Settings


def demo_settings(settings: Settings) -> Settings:
    """Settings for a demonstration: whoever is on this machine may watch and publish."""
    access = msgspec.structs.replace(settings.access, anonymous=True, anonymous_publish=True)
    return msgspec.structs.replace(settings, access=access)


async def run_demo(
    settings: Settings,
    matches: Path,
    tell: Callable[[str], None] = print,
    stop: asyncio.Event | None = None,
) -> int:
    """Serves and plays until `stop` is set or a signal comes; returns the exit code.

    Args:
        matches: where recorded matches are looked for.
        tell: shows one line to whoever started the demonstration.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
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
        tell(f"Grandstand is at {supervisor.url}, its store at {settings.bus.url}")
        tell(f"The operator's page is at {supervisor.admin_url}/operator")
        await _Programme(publisher, supervisor.url, tell, stop).play(programme(matches), matches)
    return 0


class _Programme:
    """All shows of one demonstration."""

    def __init__(self, publisher: Publisher, url: str, tell: Callable[[str], None], stop: asyncio.Event) -> None:
        self._publisher = publisher
        self._url = url
        self._tell = tell
        self._stop = stop

    async def play(self, shows: list[Show], matches: Path) -> None:
        """Plays all shows until stopped; one that cannot be played is told and left out."""
        recorded = any(not show.channel.startswith("match:arena-") for show in shows)
        source = f"recordings of {matches}" if recorded else f"simulated matches (there are no recordings in {matches})"
        self._tell(f"Playing {source}, round after round:")
        begun = [asyncio.Event() for _ in shows]
        async with asyncio.TaskGroup() as tasks:
            for show, event in zip(shows, begun, strict=True):
                tasks.create_task(self._play_show(show, event))
            for event in begun:
                await event.wait()
            self._tell(f"In a terminal: grandstand watch {shows[0].channel} --url {self._url}")
            self._tell("Ctrl-C ends everything.")
            await self._stop.wait()

    async def _play_show(self, show: Show, begun: asyncio.Event) -> None:
        def on_round(number: int, recording: Recording, begin_ms: int) -> None:
            if number == 0:
                begin_s = begin_ms // 1000
                place = f"from {begin_s // 60}:{begin_s % 60:02} of {recording.duration_ms // 60_000} min"
                self._tell(f"  {show.channel:32} {recording.title} ({speed_of(recording):g}x, {place})")
                begun.set()
            else:
                logger.info("round", channel=show.channel, round=number + 1, title=recording.title)

        def start_ms(recording: Recording) -> int:
            return interesting_start_ms(recording, speed_of(recording))

        try:
            await play_rounds(
                show.recording,
                self._publisher,
                show.channel,
                speed_of,
                self._stop,
                start_ms=start_ms,
                on_round=on_round,
            )
        except (RecordingError, BusError) as error:
            self._tell(f"  {show.channel:32} cannot be played: {error}")
        finally:
            begun.set()

"""What the commands share that play or record matches: settings of the store and progress bars.

Owns no command of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from gateway.bus.connect import open_bus, open_publisher
from gateway.bus.embedded import EmbeddedValkey
from gateway.bus.publisher import Publisher
from gateway.cli.running import channel_or_refuse, clock_text, print_json, run
from gateway.replay.fresh import FreshChannels
from gateway.replay.player import Outcome, Played
from gateway.replay.player import Progress as Place
from gateway.replay.programme import channel_of
from gateway.replay.recording import Recording
from gateway.replay.rounds import Round, play_rounds
from gateway.settings import Settings, SettingsError, load

T = TypeVar("T")


def settings_with_store(file: Path | None, bus_url: str | None) -> Settings:
    """The effective settings with a store: the command line's, the settings' own, or the embedded one that runs here.

    Raises:
        SettingsError: a setting is wrong, or there is no store.
    """
    settings, _ = load(file, os.environ, {"bus.url": bus_url} if bus_url else {})
    return with_store(settings)


def with_store(settings: Settings) -> Settings:
    """The settings with the embedded store that runs here, where they name none.

    Raises:
        SettingsError: there is no store.
    """
    if settings.bus.url:
        return settings
    url = EmbeddedValkey(Path(settings.bus.embedded_dir)).url
    if not Path(url.removeprefix("unix://")).is_socket():
        raise SettingsError(
            "bus.url", "no store is set and no embedded one runs here; give --bus (or --set bus.url=) redis://HOST:PORT"
        )
    return msgspec.structs.replace(settings, bus=msgspec.structs.replace(settings.bus, url=url))


def write_url(settings: Settings) -> str:
    """Where to publish.

    Raises:
        SettingsError: the settings say that nothing may be written.
    """
    if settings.bus.write_url == "none":
        raise SettingsError("bus.write_url", "is none: this gateway may not write to the store")
    return settings.bus.write_url or settings.bus.url


@asynccontextmanager
async def publisher_of(settings: Settings) -> AsyncIterator[Publisher]:
    """The writing side of the configured store."""
    publisher = open_publisher(write_url(settings))
    try:
        yield publisher
    finally:
        await publisher.close()


async def check_store(settings: Settings, channel: str) -> None:
    """Asks the store once, as a wrong address is better told at once than tried for ever.

    Raises:
        BusError: it does not answer, or may not be asked.
    """
    bus = open_bus(write_url(settings), settings.bus.wakeup)
    try:
        await bus.tail(channel)
    finally:
        await bus.close()


class PlayingBar:
    """A progress bar over a recording, on stderr; silent where `--json` asks for lines that a machine reads."""

    def __init__(self, shown: bool) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[place]}"),
            TextColumn("{task.fields[events]} events"),
            TextColumn("{task.fields[position]}"),
        )
        console = Console(stderr=True)
        self.progress = Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal))
        self._task: TaskID | None = None

    def begin(self, recording: Recording) -> None:
        """A new round."""
        if self._task is not None:
            self.progress.remove_task(self._task)
        self._task = self.progress.add_task(
            recording.title.split(" · ")[0], total=max(1, recording.duration_ms), place="0:00", events=0, position=""
        )

    def move(self, place: Place) -> None:
        """The round has come so far."""
        if self._task is not None:
            text = f"{clock_text(place.t_ms)} of {clock_text(place.duration_ms)}"
            position = "the store is away, trying again" if place.waiting else str(place.position)
            self.progress.update(
                self._task,
                completed=max(1, place.t_ms),
                place=text,
                events=place.events,
                position=position,
            )


def played_line(recording: Recording, channel: str, played: Played) -> dict[str, Any]:
    """What a round did, for a machine."""
    place = played.progress
    return {
        "channel": channel,
        "match": recording.match_id,
        "title": recording.title,
        "outcome": str(played.outcome),
        "epochs": list(played.epochs),
        "position": str(place.position),
        "events": place.events,
        "entries": place.entries,
        "retries": played.retries,
        "t_ms": place.t_ms,
    }


def play_to_store(
    recording: Callable[[int], Recording],
    settings: Settings,
    channel: str | None,
    *,
    speed: float,
    start_s: float,
    loop: bool,
    pause_s: float,
    as_json: bool,
) -> None:
    """Plays one recording (or, looping, each round's) into the configured store, with a bar or with JSON lines.

    Args:
        channel: where to; None: the channel of the match's name, and of each further round one that is free.
    """
    bar = PlayingBar(shown=not as_json)
    first = channel_or_refuse(channel or channel_of(recording(0).match_id))
    played_to = [first]

    async def work(stop: asyncio.Event) -> Played | None:
        def on_round(_number: int, chosen: Round) -> None:
            played_to[:] = [chosen.channel]
            bar.begin(chosen.recording)

        def on_played(chosen: Round, played: Played) -> None:
            if as_json:
                print_json(played_line(chosen.recording, chosen.channel, played))

        await check_store(settings, first)
        async with publisher_of(settings) as publisher:
            fresh = FreshChannels(publisher)

            async def following(number: int) -> Round:
                chosen = await asyncio.to_thread(recording, number)
                if number == 0:
                    return Round(first, chosen, round(start_s * 1000))
                return Round(channel or await fresh.take(channel_of(chosen.match_id)), chosen)

            return await play_rounds(
                following,
                publisher,
                lambda _: speed,
                stop,
                on_progress=bar.move,
                on_round=on_round,
                on_played=on_played,
                rounds=None if loop else 1,
                pause_s=pause_s,
            )

    with bar.progress:
        played = run(work)
    if played is not None and not as_json:
        place = played.progress
        ended = "played to the end" if played.outcome is Outcome.FINISHED else f"stopped at {clock_text(place.t_ms)}"
        typer.echo(f"{played_to[0]}: {ended}, {place.events} events, version position {place.position}")

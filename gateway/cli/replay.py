"""`grandstand replay`: a recording into a channel, at any speed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.effective import refuse
from gateway.cli.playing import play_to_store, settings_with_store
from gateway.replay.finding import open_recording
from gateway.replay.recording import RecordingError
from gateway.replay.rounds import PAUSE_S
from gateway.settings import SettingsError


def replay(
    recording: Annotated[
        str, typer.Argument(help="a recording, a match's folder, OpenDota's JSON, or opendota:MATCH_ID")
    ],
    channel: Annotated[
        str | None, typer.Option(help="the channel; by default match: and the match's name, each further round another")
    ] = None,
    speed: Annotated[float, typer.Option(min=0, help="match seconds a second; 0 is as fast as the store takes it")] = 1,
    start: Annotated[float, typer.Option(min=0, help="seconds of the recording that are published at once")] = 0,
    loop: Annotated[
        bool,
        typer.Option(
            "--loop", help="round after round until stopped, each a match of its own (with --channel: an epoch)"
        ),
    ] = False,
    pause: Annotated[float, typer.Option(min=0, help="seconds between rounds")] = PAUSE_S,
    bus: Annotated[str | None, typer.Option(help="the store to publish to; by default the setting bus.url")] = None,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="settings file (TOML)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line a round on stdout, no bar")] = False,
) -> None:
    """Plays a recorded match into a channel."""
    try:
        settings = settings_with_store(settings_file, bus)
        opened = open_recording(recording)
    except (RecordingError, SettingsError) as error:
        refuse(str(error))
    play_to_store(
        lambda _: opened, settings, channel, speed=speed, start_s=start, loop=loop, pause_s=pause, as_json=as_json
    )

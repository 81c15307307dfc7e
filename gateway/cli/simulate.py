"""`grandstand simulate`: synthetic matches into channels, or one into a recording file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.effective import refuse
from gateway.cli.playing import play_to_store, settings_with_store
from gateway.cli.running import print_json
from gateway.replay import simulator
from gateway.replay.recording import Recording, RecordingError
from gateway.replay.rounds import PAUSE_S
from gateway.replay.simulator import Simulation
from gateway.replay.sources.grandstand import write_recording
from gateway.settings import SettingsError


def simulate(
    seed: Annotated[int, typer.Option(help="the same seed gives the same match")] = 1,
    duration: Annotated[int, typer.Option(help="seconds of the match")] = 600,
    rate: Annotated[float, typer.Option(help="small happenings a second, besides positions, kills and captures")] = 1.0,
    hz: Annotated[int, typer.Option(help="positions a second")] = 10,
    channel: Annotated[str | None, typer.Option(help="the channel; by default match:arena-SEED")] = None,
    speed: Annotated[float, typer.Option(min=0, help="match seconds a second; 0 is as fast as the store takes it")] = 1,
    loop: Annotated[bool, typer.Option("--loop", help="a new match each round, until stopped")] = False,
    output: Annotated[Path | None, typer.Option(help="write a recording to this file instead of playing")] = None,
    pause: Annotated[float, typer.Option(min=0, help="seconds between rounds")] = PAUSE_S,
    bus: Annotated[str | None, typer.Option(help="the store to publish to; by default the setting bus.url")] = None,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="settings file (TOML)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line a round on stdout, no bar")] = False,
) -> None:
    """Plays a simulated match of five against five, with positions and all."""

    def recording(round_number: int) -> Recording:
        return simulator.simulate(Simulation(seed + round_number, duration, hz, rate))

    try:
        first = recording(0)
    except ValueError as error:
        refuse(str(error))
    if output is not None:
        try:
            write_recording(first, output)
        except RecordingError as error:
            refuse(str(error))
        if as_json:
            print_json({"output": str(output), "match": first.match_id, "bytes": output.stat().st_size})
        else:
            typer.echo(f"{output}: {first.title}, {first.duration_ms // 1000} s, {output.stat().st_size} bytes")
        return
    try:
        settings = settings_with_store(settings_file, bus)
    except SettingsError as error:
        refuse(str(error))
    play_to_store(recording, settings, channel, speed=speed, start_s=0, loop=loop, pause_s=pause, as_json=as_json)

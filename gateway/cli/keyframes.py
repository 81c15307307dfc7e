"""`grandstand keyframes`: the role that writes keyframes and the list of matches, as a process of its own."""

from __future__ import annotations

import typer

from gateway.cli.effective import SetOption, SettingsFile, effective, refuse


def keyframes(settings_file: SettingsFile = None, given: SetOption = None) -> None:
    """Writes keyframes and the list of matches until SIGTERM or Ctrl-C."""
    settings, _ = effective(settings_file, given)
    if not settings.bus.url:
        refuse("bus.url: this role needs a store that others use too")
    from gateway.roles.keyframes import run

    raise typer.Exit(run(settings))

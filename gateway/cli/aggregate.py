"""`grandstand aggregate`: the role that derives keyframes and the list of matches, as a process of its own."""

from __future__ import annotations

import typer

from gateway.cli.effective import SetOption, SettingsFile, effective, refuse


def aggregate(settings_file: SettingsFile = None, given: SetOption = None) -> None:
    """Shares the work with every other process of this role until SIGTERM or Ctrl-C."""
    settings, _ = effective(settings_file, given)
    if not settings.bus.url:
        refuse("bus.url: this role needs a store that others use too")
    if not settings.history.url:
        # The embedded database is the one of `serve`: partitions held here would be in no history.
        refuse(
            "history.url: is not set; set it to the database that all gateways of this store use, or to none for no history"
        )
    from gateway.aggregate.process import run

    raise typer.Exit(run(settings))

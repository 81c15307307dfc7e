"""Settings as every command takes them: `--settings FILE`, the environment, and `--set key=value`; a wrong one ends with code 2."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.settings import Settings, SettingsError, load

SettingsFile = Annotated[Path | None, typer.Option("--settings", help="settings file (TOML)")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="a setting: listen.port=8080; may be repeated")]


def effective(file: Path | None, given: list[str] | None) -> tuple[Settings, dict[str, str]]:
    """The effective settings and where each came from; ends the command when one is wrong."""
    flags: dict[str, str] = {}
    for word in given or []:
        key, equals, value = word.partition("=")
        if not equals:
            refuse(f"--set {word}: it is written key=value")
        flags[key.strip()] = value
    try:
        return load(file, os.environ, flags)
    except SettingsError as error:
        refuse(str(error))


def refuse(reason: str) -> NoReturn:
    """One line on stderr, exit code 2: the command or a setting is wrong."""
    typer.echo(f"grandstand: {reason}", err=True)
    raise typer.Exit(2)


def fail(reason: str) -> NoReturn:
    """One line on stderr, exit code 1: it cannot be done now."""
    typer.echo(f"grandstand: {reason}", err=True)
    raise typer.Exit(1)

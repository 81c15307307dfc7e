"""`grandstand version`."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import typer


def version() -> None:
    """Shows the version."""
    try:
        typer.echo(f"grandstand {installed('grandstand')}")
    except PackageNotFoundError:
        typer.echo("grandstand (not installed)")

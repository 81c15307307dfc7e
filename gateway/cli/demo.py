"""`grandstand demo`: store, gateway and several matches at once, in one command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.bus.errors import BusError
from gateway.cli.effective import fail, refuse
from gateway.demo import check_port, run_demo
from gateway.observe import log
from gateway.replay.programme import matches_folder
from gateway.settings import SettingsError, load


def demo(
    matches: Annotated[
        Path | None,
        typer.Option(help="folder of recordings; by default $GRANDSTAND_MATCHES, or ../shared/data beside a checkout"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="the port of page and API; by default the setting listen.port")
    ] = None,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="settings file (TOML)")] = None,
) -> None:
    """Serves several live matches on http://localhost:8080 until Ctrl-C."""
    flags = {"listen.port": str(port)} if port is not None else {}
    try:
        settings, origins = load(settings_file, os.environ, flags)
        if "admin.port" not in origins and not _is_free(settings.admin.host, settings.admin.port):
            # Nobody asked for this one, and the operator's page is told wherever it is.
            flags["admin.port"] = "0"
        if "access.origins" not in origins:
            # A page of one's own is tried from a file, whose origin is "null", or from another port.
            flags["access.origins"] = "*"
        if "observe.log_level" not in origins:
            # What is playing is of interest here, not each start of a worker.
            flags["observe.log_level"] = "warning"
        settings, _ = load(settings_file, os.environ, flags)
    except SettingsError as error:
        refuse(str(error))
    log.configure(settings.observe)
    try:
        code = uvloop.run(run_demo(settings, matches or matches_folder(os.environ), typer.echo))
    except BusError as error:
        fail(f"the store: {error}")
    except OSError as error:
        ports = f"listen.port is {settings.listen.port} (--port), admin.port is {settings.admin.port}"
        refuse(f"cannot listen ({error.strerror or error}); {ports}")
    raise typer.Exit(code)


def _is_free(host: str, port: int) -> bool:
    try:
        check_port(host, port)
    except OSError:
        return False
    return True

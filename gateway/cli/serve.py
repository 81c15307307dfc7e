"""`grandstand serve`: supervisor and workers on one port."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.effective import SetOption, SettingsFile, effective, fail, refuse
from gateway.settings import Settings

EchoOption = Annotated[
    bool, typer.Option("--conformance-echo", help="for test suites: send every message back and serve nothing else")
]


def serve(settings_file: SettingsFile = None, given: SetOption = None, conformance_echo: EchoOption = False) -> None:
    """Serves viewers until SIGTERM or Ctrl-C."""
    settings, _ = effective(settings_file, given)
    if conformance_echo:
        _check_echo(settings)
    if settings.access.keys_file:
        _check_keys(Path(settings.access.keys_file))
    if settings.listen.tls_cert:
        _check_certificate(Path(settings.listen.tls_cert), Path(settings.listen.tls_key))
    from gateway.bus.errors import BusError, StoreBusy
    from gateway.edge.supervisor import run
    from gateway.history.errors import Busy

    try:
        if conformance_echo:
            from gateway.edge import echo

            code = echo.run(settings)
        else:
            code = run(settings)
    except StoreBusy as error:
        refuse(f"bus.embedded_dir: {error}")
    except Busy as error:
        refuse(f"history.embedded_dir: {error}")
    except BusError as error:
        fail(f"the store: {error}")
    except OSError as error:
        ports = f"listen.port is {settings.listen.port}, admin.port is {settings.admin.port}"
        refuse(f"cannot listen ({error.strerror or error}); {ports}")
    raise typer.Exit(code)


def _check_keys(file: Path) -> None:
    from gateway.access.keys import BadKeys, read_keys

    try:
        read_keys(file)
    except BadKeys as error:
        refuse(f"access.keys_file: {error}")


def _check_certificate(certificate: Path, key: Path) -> None:
    from gateway.edge.tls import tls_context

    try:
        tls_context(certificate, key)
    except (ssl.SSLError, OSError) as error:
        refuse(
            f"listen.tls_cert: cannot be used ({error.reason if isinstance(error, ssl.SSLError) else error.strerror})"
        )


def _check_echo(settings: Settings) -> None:
    """It is no part of a gateway that serves anybody: a setting of its own allows it, and a store forbids it."""
    if not settings.testing.conformance_echo:
        refuse("--conformance-echo: is for test suites only; testing.conformance_echo allows it")
    for key, url in (("bus.url", settings.bus.url), ("bus.write_url", settings.bus.write_url)):
        if url not in ("", "none"):
            refuse(f"{key}: is set, and --conformance-echo is never run beside a store")

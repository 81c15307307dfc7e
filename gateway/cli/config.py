"""`grandstand config`: every setting, its effective value and where that came from; secrets are not shown."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import typer

from gateway.cli.effective import SetOption, SettingsFile, effective
from gateway.observe.log import masked
from gateway.settings import keys


def config(
    settings_file: SettingsFile = None,
    given: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Shows the effective settings and where each came from."""
    settings, origins = effective(settings_file, given)
    tree = msgspec.to_builtins(settings)
    rows: dict[str, dict[str, Any]] = {}
    for key, _ in keys():
        section, dot, name = key.partition(".")
        value = tree[section][name] if dot else tree[section]
        rows[key] = {"value": masked(value) if isinstance(value, str) else value, "from": origins.get(key, "default")}
    if as_json:
        typer.echo(json.dumps(rows))
        return
    width = max(len(key) for key in rows)
    for key, row in rows.items():
        typer.echo(f"{key:{width}}  {json.dumps(row['value'])}  ({row['from']})")

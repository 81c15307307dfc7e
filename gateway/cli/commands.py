"""The commands of `grandstand`: one module each, imported when it is called. Maps expected errors to one line and a code.

Exit codes: 0 done, 1 it could not be done now (the store is away), 2 the command or a setting is wrong.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final = {
    "serve": "serve viewers: supervisor and workers",
    "demo": "store, gateway and live matches in one command",
    "publish": "publish one event, or NDJSON from standard input",
    "replay": "play a recorded match into a channel",
    "record": "record a live channel",
    "simulate": "play a made-up match into a channel",
    "watch": "watch a channel in the terminal",
    "aggregate": "derive keyframes, lists and boards",
    "boards": "list or rebuild boards, see and replay dead letters",
    "config": "show the effective settings and where each came from",
    "doctor": "check store, history, system and build",
    "token": "make a token for trying things out",
    "version": "show the version",
}


class Lazy(TyperGroup):
    """Commands by name; each command's module is imported when it is first needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, with the options that its function declares; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        function = getattr(importlib.import_module(f"gateway.cli.{cmd_name}"), cmd_name)
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(cmd_name, help=COMMANDS[cmd_name][:1].upper() + COMMANDS[cmd_name][1:] + ".")(function)
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=Lazy,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Shows a live match to everybody who wants to watch it.",
)


@app.callback()
def root() -> None:
    """Shows a live match to everybody who wants to watch it."""

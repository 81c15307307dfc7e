"""The entry point of `grandstand`. Imports nothing before it is called: every process of a gateway loads this module again."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command that the command line names."""
    from gateway.cli.commands import app

    try:
        app(prog_name="grandstand")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

"""The command as a user calls it: a process of its own, its output and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_S


def environment() -> dict[str, str]:
    """This process's environment without settings."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    return {**{k: v for k, v in os.environ.items() if not k.startswith("GRANDSTAND_")}, "PYTHONPATH": root}


def grandstand(*arguments: str, cwd: Path, given: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Calls the command; no test leaves anything in the project's folder."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        cwd=cwd,
        env={**environment(), **more},
        input=given if given is not None else "",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )

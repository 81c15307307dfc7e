"""Where a wheel keeps the programs that it brings."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path


def program_in(package: str, path: str) -> Path | None:
    """A program of an installed package, which is not imported for it: its own start may cost much, or change the system.

    Args:
        path: below the package's folder.

    Returns:
        None where there is no such program that can be run.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / path
    return program if os.access(program, os.X_OK) else None

"""Where results are kept: each run raw with its date, and the latest summary of each scenario in one file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent / "results"
LATEST = DIRECTORY / "latest.json"
RAW_ONLY = ("rounds", "memory", "raw")
"""Members of a result that only the raw file has."""


def store(result: dict[str, Any], machine: dict[str, Any], command: str) -> Path:
    """Writes the raw result and brings the summary up to date; returns the raw file."""
    now = datetime.now(UTC)
    full = {"date": now.isoformat(timespec="seconds"), "machine": machine, "command": command, **result}
    path = DIRECTORY / f"{now:%Y%m%d-%H%M%S}-{result['scenario']}.json"
    path.write_text(json.dumps(full, indent=1) + "\n")
    latest = read_latest()
    latest[result["scenario"]] = _without_raw(full)
    LATEST.write_text(json.dumps(latest, indent=1, sort_keys=True) + "\n")
    return path


def read_latest() -> dict[str, Any]:
    """The latest summary of each scenario."""
    found: dict[str, Any] = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    return found


def _without_raw(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_raw(member) for key, member in value.items() if key not in RAW_ONLY}
    return [_without_raw(member) for member in value] if isinstance(value, list) else value

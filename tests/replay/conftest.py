"""Where the recorded matches are, for tests that check figures against them; skips where there are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDERS = ("dota2-ti8-final-g5", "rocket-league-rlcs-s8", "football-wc2018-final")


@pytest.fixture(scope="session")
def matches() -> Path:
    """The folder of recorded matches."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("GRANDSTAND_MATCHES") or beside)
    if not all((folder / name / "events.ndjson.gz").is_file() for name in FOLDERS):
        pytest.skip("the recorded matches are not here: put them in ../shared/data or name them by GRANDSTAND_MATCHES")
    return folder

"""The sizes that the build holds: they are really held, by a build that fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.browser.page import DASHBOARD

PAGE = DASHBOARD.parent / "gateway" / "page"


@pytest.mark.parametrize(
    ("budget", "file"),
    [
        (133_120, PAGE / "index.html"),
        (12_288, PAGE / "grandstand-match.js"),
        (8_192, DASHBOARD / "client/dist/index.js"),
    ],
)
def test_sizes(budget: int, file: Path) -> None:
    def fits(most: int) -> bool:
        command = ["node", "scripts/budget.mjs", str(most), str(file)]
        return subprocess.run(command, cwd=DASHBOARD, capture_output=True, check=False).returncode == 0

    assert fits(budget)
    assert not fits(1_000), "nothing is measured"
    assert f"budget.mjs {budget} " in (DASHBOARD / "package.json").read_text()

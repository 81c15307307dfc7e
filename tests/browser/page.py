"""A page in Debian's Chromium, driven over a pipe by dashboard/scripts/drive.mjs (playwright-core)."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"


class Page:
    """One page in one browser."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "scripts/drive.mjs"], cwd=DASHBOARD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, command: str, **arguments: Any) -> Any:
        """Runs one command of the driver."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser's driver has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def read(self) -> dict[str, Any]:
        """What the page shows."""
        shown: dict[str, Any] = self.do("read")
        return shown

    def close(self) -> None:
        """Closes browser and driver."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@contextlib.contextmanager
def page() -> Iterator[Page]:
    """A page that is closed at the end."""
    one = Page()
    try:
        yield one
    finally:
        one.close()

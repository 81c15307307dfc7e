"""Aggregators as processes of their own, as an operator starts them: `grandstand aggregate` with settings from the environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

STOP_TIMEOUT_S = 60.0


class Aggregator:
    """One process.

    Args:
        url: the store.
        settings: further settings, `boards__season="s1"`; there is no history unless they say so.
    """

    def __init__(self, directory: Path, url: str, **settings: object) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.log_path = directory / "aggregate.log"
        fixed = {"bus__url": url, "history__url": "none", "observe__log_format": "json", "aggregate__lease_s": 2}
        values = {**fixed, **settings}
        environment = {f"GRANDSTAND_{key.upper()}": str(value) for key, value in values.items()}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli.main", "aggregate"],
                stdout=log, stderr=log, env={**os.environ, **environment},
            )  # fmt: skip

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """It holds what it has, and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on as if no time had passed."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT_S)

    def log_text(self) -> str:
        """All that was logged."""
        return self.log_path.read_text(errors="replace")


@contextlib.contextmanager
def aggregators(directory: Path, url: str, count: int = 1, **settings: object) -> Iterator[list[Aggregator]]:
    """Running processes; what a test replaces in the list is ended as well."""
    running = [Aggregator(directory / f"aggregator-{index}", url, **settings) for index in range(count)]
    try:
        yield running
    finally:
        for one in running:
            one.stop()

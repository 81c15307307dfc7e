"""A gateway under load: `grandstand serve` as an operator starts it, with a store of its own, and what it costs.

Owns the process and its directory; knows of its inside only the log line `serving`, the admin port and /proc.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.memory import private_bytes

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class GatewayFailed(Exception):
    """The gateway did not start, or ended by itself."""


class GatewayProcess:
    """`grandstand serve` on free ports.

    Args:
        settings: dotted settings beside those that a test bed needs.
    """

    def __init__(self, **settings: object) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="grandstand-bench-")
        self.path = Path(self._directory.name)
        self.store_url = f"unix://{self.path}/store/valkey.sock"
        given = {
            "listen.port": 0,
            "admin.port": 0,
            "runtime_dir": self.path / "run",
            "bus.embedded_dir": self.path / "store",
            "history.url": "none",
            "observe.log_format": "json",
            **{key.replace("__", "."): value for key, value in settings.items()},
        }
        self._arguments = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
        self._log = self.path / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.pids: list[int] = []
        self.admin = ""

    def __enter__(self) -> GatewayProcess:
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "gateway.cli.main", "serve", *self._arguments]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            for line in self._lines("serving"):
                self.port, self.admin, self.pids = line["port"], line["admin"], line["pids"]
                return self
            time.sleep(0.05)
        tail = self._log.read_text()[-2000:]
        self.__exit__()
        raise GatewayFailed(f"the gateway did not start: {tail}")

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._directory.cleanup()

    def _lines(self, event: str) -> list[dict[str, Any]]:
        found = []
        for line in self._log.read_text().splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict) and value.get("event") == event:
                found.append(value)
        return found

    def metrics(self) -> dict[str, float]:
        """Every sample of the admin port, by name with labels."""
        with urllib.request.urlopen(f"{self.admin}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        samples = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def cpu_s(self) -> float:
        """Processor time of the workers so far, user and system."""
        return sum(cpu_s(pid) for pid in self.pids)

    def private_bytes(self) -> int:
        """Memory that only the workers have."""
        return sum(private_bytes(pid) for pid in self.pids)


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # User and system time are fields 14 and 15 of proc_pid_stat(5); what follows the name begins with field 3.
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def percentile_limit_ms(before: Mapping[str, float], after: Mapping[str, float], name: str, percent: float) -> float:
    """The upper bound of the bucket in which a percentile of a metric's new observations lies."""
    prefix = f'{name}_bucket{{le="'
    grown: list[tuple[float, float]] = []
    for key, value in after.items():
        if key.startswith(prefix):
            bound = float(key[len(prefix) :].rstrip('"}'))
            grown.append((bound, value - before.get(key, 0.0)))
    grown.sort()
    if not grown or grown[-1][1] == 0:
        return 0.0
    wanted = grown[-1][1] * percent / 100
    return 1000 * next(bound for bound, count in grown if count >= wanted)


def share_within(before: Mapping[str, float], after: Mapping[str, float], name: str, bound_s: float) -> float:
    """The share (in percent) of a metric's new observations that were at most `bound_s`, which is a bucket's bound."""
    total = after[f'{name}_bucket{{le="+Inf"}}'] - before.get(f'{name}_bucket{{le="+Inf"}}', 0.0)
    key = f'{name}_bucket{{le="{bound_s}"}}'
    return 100 * (after[key] - before.get(key, 0.0)) / total if total else 100.0

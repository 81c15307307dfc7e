"""The gateway as a process of its own, as an operator starts it: `grandstand serve` with settings from the environment.

Owns the process, its log file and its directory; knows nothing of the gateway's inside but the log line `serving`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 100.0
"""On a machine that runs other things, two interpreters and three servers take their time to come up."""
STOP_TIMEOUT_S = 60.0


class GatewayProcess:
    """`grandstand serve` on a free port.

    Args:
        directory: where its log, sockets and embedded store go.
        settings: dotted settings, e.g. {"listen.workers": 2}; values are written as the environment takes them. There is no
            history and no counting of viewers unless they say so.
    """

    def __init__(self, directory: Path, settings: dict[str, object]) -> None:
        self.directory = directory
        self.settings: dict[str, object] = {
            "listen.host": "127.0.0.1",
            "listen.port": 0,
            "listen.workers": 2,
            "admin.port": 0,
            "runtime_dir": directory / "run",
            "bus.embedded_dir": directory / "store",
            "history.embedded_dir": directory / "history",
            "history.url": "none",
            "presence.every_s": 0,
            # On a machine that stands still for a moment, nobody is turned away for it.
            "viewers.opening_wait_s": 60,
            "observe.log_format": "json",
            **settings,
        }
        self.log_path = directory / "gateway.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.url = ""
        self.admin_url = ""

    def start(self) -> None:
        """Returns when every worker is ready."""
        self.launch("serve")
        serving = self.wait_for_log("serving", START_TIMEOUT_S)
        self.port = int(serving["port"])
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_url = str(serving["admin"])

    def launch(self, *arguments: str) -> None:
        """Starts the command with the settings in its environment."""
        self.directory.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **{_variable(key): _text(value) for key, value in self.settings.items()}}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli.main", *arguments], stdout=log, stderr=log, env=environment
            )

    def stop(self) -> int:
        """SIGTERM, and the exit code when it has drained."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the gateway did not end:\n{self.log_text()[-4000:]}") from None

    def log_text(self) -> str:
        """All that was logged."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_lines(self) -> list[dict[str, Any]]:
        """The log's JSON lines."""
        lines = []
        for line in self.log_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                value = json.loads(line)
                if isinstance(value, dict):
                    lines.append(value)
        return lines

    def wait_for_log(self, event: str, timeout_s: float, count: int = 1) -> dict[str, Any]:
        """The `count`-th line of that event."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = [line for line in self.log_lines() if line.get("event") == event]
            if len(found) >= count:
                return found[count - 1]
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no log line {event!r} in {timeout_s} s:\n{self.log_text()[-4000:]}")

    def workers(self) -> list[dict[str, Any]]:
        """The workers' own reports."""
        with urllib.request.urlopen(f"{self.admin_url}/admin/v1/workers", timeout=60) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def channels(self) -> list[dict[str, Any]]:
        """What every worker says of its channels."""
        with urllib.request.urlopen(f"{self.admin_url}/admin/v1/channels", timeout=60) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def owner_pid(self, channel: str) -> int:
        """The process id of the worker that owns the channel now."""
        for entry in self.channels():
            if entry["channel"] == channel and entry["role"] == "owner":
                return int(next(w["pid"] for w in self.workers() if w["index"] == entry["worker"]))
        raise AssertionError(f"nobody owns {channel}")

    def metrics(self) -> str:
        """The metrics of all workers."""
        with urllib.request.urlopen(f"{self.admin_url}/metrics", timeout=60) as answer:
            return str(answer.read().decode())

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels."""
        total = 0.0
        for line in self.metrics().splitlines():
            if line.startswith("#") or not line.startswith(name):
                continue
            sample, _, value = line.rpartition(" ")
            bare, _, rest = sample.partition("{")
            if bare == name and all(f'{key}="{wanted}"' in rest for key, wanted in labels.items()):
                total += float(value)
        return total


def _variable(key: str) -> str:
    return "GRANDSTAND_" + key.upper().replace(".", "__")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


@contextlib.contextmanager
def gateway(directory: Path, **settings: object) -> Iterator[GatewayProcess]:
    """A running gateway; `bus__url="..."` sets `bus.url`."""
    process = GatewayProcess(directory, {key.replace("__", "."): value for key, value in settings.items()})
    try:
        process.start()
        yield process
    finally:
        process.stop()

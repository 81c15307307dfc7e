"""One process of a fleet: a swarm, and a pipe on which it is told what to do. Polls until a command comes."""

from __future__ import annotations

import resource
import time
from multiprocessing.connection import Connection
from typing import Any

from native.swarm import Swarm

POLL_MS = 200
HISTOGRAMS = ("live", "slow", "outage")
CLOSE_TIMEOUT_S = 5.0


def run(pipe: Connection, capacity: int) -> None:
    """The process's main function."""
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    _FleetProcess(pipe, capacity).run()


class _FleetProcess:
    def __init__(self, pipe: Connection, capacity: int) -> None:
        self._pipe = pipe
        self._swarm = Swarm(capacity)
        self._swarm.wake_on(pipe.fileno())
        self._viewers = 0
        # What is waited for: (messages, opened, deadline).
        self._wanted: tuple[int, int, float] | None = None

    def run(self) -> None:
        while True:
            messages, opened, deadline = self._wanted or (0, 0, 0.0)
            self._swarm.poll(POLL_MS, until_messages=messages, until_open=opened)
            if self._wanted is not None:
                reached = self._swarm.messages >= messages and self._swarm.opened >= opened
                if reached or time.monotonic() > deadline:
                    self._wanted = None
                    self._pipe.send(("done", reached))
            while self._pipe.poll():
                try:
                    command, arguments = self._pipe.recv()
                except EOFError:
                    return
                if command == "exit":
                    self._exit(**arguments)
                    return
                self._serve(command, arguments)

    def _serve(self, command: str, arguments: dict[str, Any]) -> None:
        try:
            answer = getattr(self, f"_on_{command}")(**arguments)
        except (ValueError, OSError, AttributeError) as error:
            self._pipe.send(("failed", f"{type(error).__name__}: {error}"))
            return
        if command != "until":
            self._pipe.send(("done", answer))

    def _on_connect(self, **options: Any) -> None:
        self._swarm.connect(**options)
        self._viewers += options["count"]

    def _on_until(self, opened: int = 0, messages: int = 0, timeout_s: float = 0.0) -> None:
        self._wanted = (messages, opened, time.monotonic() + timeout_s)

    def _on_pause(self, share: float) -> int:
        count = int(self._viewers * share)
        self._swarm.pause(0, count)
        return count

    def _on_resume(self) -> None:
        self._swarm.resume(0, self._viewers)

    def _on_reset_latency(self) -> None:
        self._swarm.reset_latency()

    def _on_summary(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        counts: dict[str, Any] = self._swarm.summary()
        for name in ("latency", "latency_slow", "outage"):
            counts.pop(name)
        return counts, {name: self._swarm.latency(name).dump() for name in HISTOGRAMS}

    def _on_versions(self) -> dict[str, int]:
        return self._swarm.versions()

    def _on_cpu_s(self) -> float:
        return time.process_time()

    def _exit(self, hard: bool) -> None:
        self._swarm.close_all(hard=hard)
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        while not hard and self._closing() and time.monotonic() < deadline:
            self._swarm.poll(20)

    def _closing(self) -> int:
        members: Any = self._swarm.summary()["members"]
        return int(members["closing"])

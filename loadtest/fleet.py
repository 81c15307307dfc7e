"""A fleet of processes, each with one swarm: the parent's side. Commands go to all, answers come back from all.

Owns the processes; a process holds at most VIEWERS_PER_PROCESS viewers, as a descriptor limit of 20,000 allows.
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

from loadtest.fleet_process import run
from native.histogram import Histogram

VIEWERS_PER_PROCESS = 15_000
ANSWER_TIMEOUT_S = 30.0


class FleetFailed(Exception):
    """A process of the fleet died, did not answer in time, or what was waited for did not come."""


class Fleet:
    """Viewers spread over processes.

    Args:
        processes: how many.
        capacity: viewers that each may hold.
    """

    def __init__(self, processes: int = 1, capacity: int = VIEWERS_PER_PROCESS) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes: list[Connection] = []
        self.processes = []
        for index in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=run, args=(theirs, capacity), name=f"fleet-{index}", daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)
        self.viewers = [0] * processes

    def connect(self, host: str, port: int, path: str, count: int, **options: Any) -> None:
        """Adds viewers, evenly over the processes; each process has a source address of its own.

        Numbers (`numbers=(first, how many)`) go on from process to process where there are enough for all viewers.
        `rate_per_s` is the whole fleet's.
        """
        first, numbers = options.pop("numbers", (0, 1))
        rate = options.pop("rate_per_s", 0.0) / len(self.pipes)
        shares = [count // len(self.pipes) + (index < count % len(self.pipes)) for index in range(len(self.pipes))]
        begun = 0
        for index, (pipe, share) in enumerate(zip(self.pipes, shares, strict=True)):
            if share:
                asked = {
                    "host": host,
                    "port": port,
                    "path": path,
                    "count": share,
                    "rate_per_s": rate,
                    "numbers": (first + begun, share) if numbers >= count else (first, numbers),
                    "source": f"127.0.1.{index + 1}",
                    **options,
                }
                pipe.send(("connect", asked))
                self._answer(index)
                self.viewers[index] += share
                begun += share

    def wait_open(self, timeout_s: float) -> float:
        """Waits until every viewer is open; returns how long it took."""
        begun = time.monotonic()
        for pipe, viewers in zip(self.pipes, self.viewers, strict=True):
            pipe.send(("until", {"opened": viewers, "timeout_s": timeout_s}))
        self._reached("every viewer to be open", timeout_s)
        return time.monotonic() - begun

    def expect(self, messages_each: int, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Asks to be told when every process has received so many messages a viewer in all; see `wait_expected`."""
        for pipe, viewers in zip(self.pipes, self.viewers, strict=True):
            pipe.send(("until", {"messages": messages_each * viewers, "timeout_s": timeout_s}))

    def wait_expected(self, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Waits for what `expect` asked."""
        self._reached("the messages", timeout_s)

    def pause(self, share: float) -> int:
        """The first viewers of each process stop reading; returns how many."""
        return sum(self._all("pause", {"share": share}))

    def resume(self) -> None:
        """All read again."""
        self._all("resume", {})

    def reset_latency(self) -> None:
        """Empties all histograms."""
        self._all("reset_latency", {})

    def summary(self) -> dict[str, Any]:
        """All processes' counts, added up; latencies from the merged histograms."""
        merged: dict[str, Any] = {}
        histograms = {name: Histogram() for name in ("live", "slow", "outage")}
        for counts, dumps in self._all("summary", {}):
            _add(merged, counts)
            for name, dump in dumps.items():
                histograms[name].merge(dump)
        merged["latency"] = histograms["live"].summary()
        merged["latency_slow"] = histograms["slow"].summary()
        merged["outage"] = histograms["outage"].summary()
        return merged

    def latency(self) -> Histogram:
        """Publish to delivered of viewers that read, since `reset_latency`."""
        merged = Histogram()
        for _, dumps in self._all("summary", {}):
            merged.merge(dumps["live"])
        return merged

    def versions(self) -> dict[str, int]:
        """How many open viewers hold which version."""
        merged: dict[str, int] = {}
        for versions in self._all("versions", {}):
            _add(merged, versions)
        return merged

    def cpu_s(self) -> list[float]:
        """Processor time of each process so far."""
        found: list[float] = self._all("cpu_s", {})
        return found

    def close(self, hard: bool = True) -> None:
        """Ends all connections (by RST when hard, which leaves no TIME_WAIT) and all processes."""
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            if process.is_alive():
                pipe.send(("exit", {"hard": hard}))
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            process.join(ANSWER_TIMEOUT_S)
            if process.is_alive():
                process.terminate()
                process.join()
            pipe.close()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _all(self, command: str, arguments: dict[str, Any]) -> list[Any]:
        for pipe in self.pipes:
            pipe.send((command, arguments))
        return [self._answer(index) for index in range(len(self.pipes))]

    def _answer(self, index: int, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        pipe = self.pipes[index]
        try:
            if not pipe.poll(timeout_s):
                raise FleetFailed(f"process {index} does not answer")
            kind, value = pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            raise FleetFailed(f"process {index} has ended") from error
        if kind == "failed":
            raise FleetFailed(f"process {index}: {value}")
        return value

    def _reached(self, what: str, timeout_s: float) -> None:
        answers = [self._answer(index, timeout_s + ANSWER_TIMEOUT_S) for index in range(len(self.pipes))]
        if not all(answers):
            raise FleetFailed(f"waited {timeout_s} s in vain for {what}: {self.summary()}")


def _add(into: dict[Any, Any], more: dict[Any, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict):
            _add(into.setdefault(key, {}), value)
        else:
            into[key] = into.get(key, 0) + value

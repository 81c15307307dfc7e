"""`grandstand serve` as an operator sees it: lines of JSON, metrics of all workers, a worker that dies, an orderly end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.bus.embedded import EmbeddedValkey
from tests.cli.conftest import environment, grandstand
from tests.patience import PATIENCE_S


class Served:
    """A gateway and what it logged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    async def line(self, event: str) -> dict[str, Any]:
        """The next line about `event`."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while text := await self.process.stderr.readline():
                self.lines.append(json.loads(text))
                if self.lines[-1]["event"] == event:
                    return self.lines[-1]
        raise AssertionError(f"ended without {event}: {self.lines}")


@pytest.fixture
async def served(tmp_path: Path, store: EmbeddedValkey) -> AsyncIterator[Served]:
    flags = [f"bus.url={store.url}", "listen.port=0", "admin.port=0", "listen.workers=2", "viewers.drain_s=0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli.main", "serve", *(word for flag in flags for word in ("--set", flag)),
        cwd=tmp_path, env=environment(), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    served = Served(process)
    yield served
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), PATIENCE_S)


async def figures(admin: str) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{admin}/metrics")).text
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not await condition():
        assert time.monotonic() < deadline_s, "it did not come true in time"
        await asyncio.sleep(0.02)


async def test_a_worker_that_dies_is_counted_and_comes_back(served: Served) -> None:
    serving = await served.line("serving")
    admin, pids = serving["admin"], serving["pids"]
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{serving['port']}/healthz")).status_code == 200
        assert (await client.get(f"{admin}/readyz")).status_code == 200

    async def sampled() -> bool:
        return (await figures(admin))["grandstand_loop_lag_seconds_count"] > 0

    await until(sampled)
    before = await figures(admin)
    assert before["grandstand_workers"] == 2
    assert before["grandstand_worker_restarts_total"] == 0

    os.kill(pids[0], signal.SIGKILL)
    died = await served.line("worker_died")
    assert died["pid"] == pids[0]

    async def back() -> bool:
        now = await figures(admin)
        return now["grandstand_worker_restarts_total"] == 1 and now["grandstand_workers"] == 2

    await until(back)
    served.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(served.process.wait(), PATIENCE_S) == 0


def descendants(pid: int) -> set[int]:
    """Every process below `pid`."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found |= {child} | descendants(child)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_supervisor_that_is_killed_leaves_no_process(served: Served) -> None:
    await served.line("serving")
    left = descendants(served.process.pid)
    assert len(left) >= 4, "fork server, two workers, aggregator"
    served.process.kill()
    await asyncio.wait_for(served.process.wait(), PATIENCE_S)

    async def gone() -> bool:
        return not any(alive(pid) for pid in left)

    await until(gone)


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = ("--set", f"listen.port={port}", "--set", "observe.log_level=error", "--set", "admin.port=0")
        result = grandstand("serve", *flags, cwd=tmp_path)
    assert result.returncode == 2
    assert (
        result.stderr == f"grandstand: cannot listen (Address already in use); listen.port is {port}, admin.port is 0\n"
    )


async def test_a_store_directory_in_use_is_one_line(store: EmbeddedValkey, tmp_path: Path) -> None:
    flags = ("--set", "bus.embedded_dir=store", "--set", "listen.port=0", "--set", "admin.port=0")
    result = await asyncio.to_thread(grandstand, "serve", *flags, "--set", "observe.log_level=error", cwd=tmp_path)
    assert result.returncode == 2
    said = (
        f"grandstand: bus.embedded_dir: {tmp_path}/store is in use by another embedded store (process {os.getpid()})\n"
    )
    assert result.stderr == said

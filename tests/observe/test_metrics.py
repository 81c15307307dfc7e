"""Metrics over several processes: sums, and what remains of a dead one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.observe.document import rows

WORKER = """
import sys
from gateway.observe import gathered, metrics
from native.connections import Table
table = Table(16)
metrics.EVENTS_IN.inc(2)
gathered.EVENTS_IN.value += 3
for lag_s in (0.0005, 0.002, 0.002, 99.0):
    gathered.PUBLISH_TO_FLUSH.observe(lag_s)
metrics.PUBLISH_TO_FLUSH.observe(0.002)
gathered.settle()
gathered.settle()
metrics.LOOP_LAG.observe(0.001)
first = {**table.stats(), "ws": 10, "behind": 2, "frames_out": 7, "bytes_out": 70, "bytes_in": 3}
metrics.copy_table(first, {}, 4)
metrics.copy_table({**first, "frames_out": 9, "bytes_out": 90}, first, 4)
print("ready", flush=True)
sys.stdin.read()
"""


def figures(directory: Path) -> dict[str, float]:
    """What the exposition says, made by a process that has set no directory (as the supervisor)."""
    script = f"""
import sys
from gateway.observe import metrics
metrics.WORKERS.set(2)
metrics.WORKER_RESTARTS.inc()
sys.stdout.buffer.write(metrics.exposition({str(directory)!r}))
"""
    environment = {k: v for k, v in os.environ.items() if k != "PROMETHEUS_MULTIPROC_DIR"}
    text = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=True
    ).stdout.decode()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    }


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", WORKER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_workers_are_summed_and_a_dead_one_leaves_its_counters(
    tmp_path: Path, workers: list[subprocess.Popen[bytes]]
) -> None:
    both = figures(tmp_path)
    assert both['grandstand_connections{state="ws"}'] == 20
    assert both['grandstand_connections{state="http"}'] == 8
    assert both["grandstand_behind_viewers"] == 4
    assert both["grandstand_events_total"] == 10
    lags = "grandstand_publish_to_flush_seconds"
    assert both[f'{lags}_bucket{{le="0.001"}}'] == 2
    assert both[f'{lags}_bucket{{le="0.002"}}'] == 8, "a bound belongs to its bucket, as where the library observes"
    assert both[f'{lags}_bucket{{le="15.0"}}'] == 8
    assert both[f"{lags}_count"] == 10
    assert both[f"{lags}_sum"] == pytest.approx(2 * (0.0005 + 3 * 0.002 + 99))
    assert both["grandstand_frames_out_total"] == 18
    assert both["grandstand_bytes_out_total"] == 180
    assert both["grandstand_loop_lag_seconds_count"] == 2
    assert both["grandstand_workers"] == 2
    assert both["grandstand_worker_restarts_total"] == 1

    dead = workers[0]
    dead.kill()
    dead.wait()
    from gateway.observe import metrics

    metrics.bury(dead.pid, str(tmp_path))
    left = figures(tmp_path)
    assert left['grandstand_connections{state="ws"}'] == 10
    assert left["grandstand_behind_viewers"] == 2
    assert left["grandstand_events_total"] == 10, "what was counted stays"


def test_a_file_that_is_only_just_created_is_left_out(tmp_path: Path, workers: list[subprocess.Popen[bytes]]) -> None:
    (tmp_path / "counter_999999.db").touch()
    assert figures(tmp_path)["grandstand_events_total"] == 10


def test_names_are_unique_and_say_their_unit() -> None:
    found = [name for name, *_ in rows()]
    assert len(found) == len(set(found))
    for name, kind, labels, meaning in rows():
        assert re.fullmatch(r"grandstand_[a-z_]+", name)
        assert (kind == "counter") == name.endswith("_total"), name
        assert kind != "histogram" or name.endswith("_seconds"), name
        assert meaning
        assert len(meaning) < 100
        # Combinations multiply series. Pages' reports have one, of two closed lists: country and kind of browser.
        assert len(labels) <= 1 or labels == ("country", "browser"), name

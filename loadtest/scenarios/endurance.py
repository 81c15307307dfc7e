"""One aggregator for minutes: its private memory over millions of events, boards and history on, must not grow with them.

Streams are trimmed as in production; store, Postgres and publisher share the machine.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from gateway.history.embedded import EmbeddedPostgres
from gateway.model.boards import score_key
from loadtest.aggregator_process import aggregator, entries_stored
from loadtest.gateway_process import GatewayProcess
from loadtest.memory import private_bytes
from loadtest.points_publisher import METRIC, PointsPublisher

DURATION_S = 140.0
RATE_PER_S = 12_000.0
CHANNELS = 50
MEMBERS = 1000
KEPT = 20_000
SAMPLE_EVERY_S = 1.0
THIN = 10
"""Of so many samples one is kept in the summary."""
SLOPE_MAX = 1.0
BEHIND_MAX_S = 60.0


def run(duration_s: float = DURATION_S, rate_per_s: float = RATE_PER_S) -> dict[str, Any]:
    """`checks` says what was missed."""
    with (
        tempfile.TemporaryDirectory(prefix="grandstand-bench-") as directory,
        GatewayProcess(listen__workers=1, aggregate__enabled="false") as gateway,
    ):
        postgres = EmbeddedPostgres(Path(directory))
        asyncio.run(postgres.start())
        try:
            return _run(gateway, postgres.url, duration_s, rate_per_s)
        finally:
            asyncio.run(postgres.stop())


def _run(gateway: GatewayProcess, history_url: str, duration_s: float, rate_per_s: float) -> dict[str, Any]:
    store = redis.Redis.from_url(gateway.store_url)

    def counted() -> int:
        scores = store.hmget(score_key(f"{METRIC}.all"), [f"c{channel}" for channel in range(CHANNELS)])
        return sum(int(score.split()[0]) for score in scores if score is not None)  # type: ignore[union-attr]

    samples: list[tuple[int, int]] = []
    with (
        aggregator(gateway.store_url, history_url) as process,
        PointsPublisher(gateway.store_url, "long", CHANNELS, MEMBERS, KEPT) as publisher,
    ):
        publisher.start(rate_per_s)
        begin_s = time.monotonic()
        while time.monotonic() - begin_s < duration_s:
            time.sleep(SAMPLE_EVERY_S)
            samples.append((counted(), private_bytes(process.pid)))
        published = publisher.stop()[-1][0]
        boards_behind_s = _behind_s(lambda: counted() >= published)
        history_behind_s = _behind_s(lambda: entries_stored(history_url) >= published)
        missing = abs(published - counted()) + abs(published - entries_stored(history_url))
    store.close()
    half = samples[len(samples) // 2 :]
    slope = statistics.linear_regression(*zip(*half, strict=True)).slope
    return {
        "scenario": "endurance",
        "duration_s": duration_s,
        "events": published,
        "samples": [{"events": events, "bytes": size} for events, size in samples[::THIN]],
        "raw": samples,
        "behind_s": {"boards": round(boards_behind_s, 1), "history": round(history_behind_s, 1)},
        "checks": [
            {
                "name": "bytes an event, slope of the second half", "value": round(slope, 2), "limit": SLOPE_MAX,
                "passed": slope <= SLOPE_MAX,
            },
            {
                "name": "events missing or twice, on the board and in the history", "value": missing, "limit": 0,
                "passed": missing == 0,
            },
        ],
    }  # fmt: skip


def _behind_s(done: Callable[[], bool]) -> float:
    """How long it takes until that is so."""
    began_s = time.monotonic()
    while not done() and time.monotonic() - began_s < BEHIND_MAX_S:
        time.sleep(0.1)
    return time.monotonic() - began_s

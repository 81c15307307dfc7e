"""Postgres killed under load and started again: what viewers notice of it (nothing), and that the history is whole afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from gateway.history.database import Database
from gateway.history.embedded import EmbeddedPostgres
from loadtest.fleet import Fleet
from loadtest.gateway_process import GatewayProcess
from loadtest.publisher import Publisher
from loadtest.scenarios.checks import at_most, loop_held, unbroken

CHANNELS = 200
EVENTS_S = 1000.0
WARM_UP_S = 10.0
UP_S = 20.0
DOWN_S = 60.0
CATCH_UP_S = 120.0
P99_RATIO_MAX = 1.5
PATH = "/v1/live?channel=match:{n}"
COUNT = "SELECT coalesce(sum(last_seq + 1), 0), (SELECT count(*) FROM entries), coalesce(sum(gaps), 0) FROM epochs"


def run(channels: int = CHANNELS, up_s: float = UP_S, down_s: float = DOWN_S) -> dict[str, Any]:
    """One viewer a channel; `checks` says what was missed."""
    with tempfile.TemporaryDirectory(prefix="grandstand-bench-") as directory:
        server = EmbeddedPostgres(Path(directory))
        asyncio.run(server.start())
        try:
            return _run(server, channels, up_s, down_s)
        finally:
            asyncio.run(server.stop())


def _run(server: EmbeddedPostgres, channels: int, up_s: float, down_s: float) -> dict[str, Any]:
    with (
        GatewayProcess(listen__workers=2, history__url=server.url) as gateway,
        Publisher(gateway.store_url, channels) as publisher,
        Fleet(1, channels) as fleet,
    ):
        fleet.connect(
            "127.0.0.1", gateway.port, PATH, channels, channel="match:{n}", numbers=(0, channels),
            headers={"Sec-WebSocket-Protocol": "grandstand.v1.json"}, rate_per_s=500.0, retry_ms=(500, 4000),
        )  # fmt: skip
        fleet.wait_open(60.0)
        publisher.start(EVENTS_S)
        time.sleep(WARM_UP_S)
        before = gateway.metrics()
        up_ms = _p99_ms(fleet, up_s)
        os.kill(server.pid or 0, signal.SIGKILL)
        down_ms = _p99_ms(fleet, down_s)
        asyncio.run(server.revive())
        back_ms = _p99_ms(fleet, up_s)
        after = gateway.metrics()
        publisher.stop()
        summary = fleet.summary()
        store = redis.Redis.from_url(gateway.store_url)
        wanted = sum(int(store.xlen(key)) for key in store.scan_iter("live:{match:*}", 1000))
        store.close()
        caught_up_s, positions, entries, gaps = asyncio.run(_whole(server.url, wanted))
    ratio = down_ms / up_ms
    return {
        "scenario": "outage",
        "p99_ms": {"up": up_ms, "down": down_ms, "back": back_ms},
        "down_s": down_s,
        "entries": wanted,
        "caught_up_s": round(caught_up_s, 1),
        "checks": [
            at_most("p99 while the database is away, of before", round(ratio, 2), P99_RATIO_MAX),
            loop_held(before, after),
            unbroken(summary),
            {
                "name": "entries missing or twice in the history",
                "value": abs(wanted - entries) + abs(wanted - positions) + gaps, "limit": 0,
                "passed": wanted == entries == positions and gaps == 0,
            },
        ],
    }  # fmt: skip


def _p99_ms(fleet: Fleet, duration_s: float) -> float:
    fleet.reset_latency()
    time.sleep(duration_s)
    return float(fleet.summary()["latency"]["p99_ms"])


async def _whole(url: str, wanted: int) -> tuple[float, int, int, int]:
    """How long until the history has all entries; positions, entries and gaps then."""
    database = Database(url)
    began_s = time.monotonic()
    try:
        while True:
            positions, entries, gaps = (int(value) for value in (await database.fetch(COUNT))[0])
            took_s = time.monotonic() - began_s
            if entries >= wanted or took_s > CATCH_UP_S:
                return took_s, positions, entries, gaps
            await asyncio.sleep(0.2)
    finally:
        await database.close()

"""What 10,000 live matches cost one aggregator a second: left alone, watched by viewers who come and go, and played.

Boards and history on; every match has a row in the list, a count of viewers and boards of its own.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from gateway.bus.presence import Presence
from gateway.history.embedded import EmbeddedPostgres
from loadtest.aggregator_process import aggregator, entries_stored
from loadtest.gateway_process import GatewayProcess, cpu_s
from loadtest.points_publisher import PointsPublisher
from loadtest.publisher import Publisher
from loadtest.scenarios.checks import at_most

MATCHES = 10_000
MEMBERS = 100
KEPT = 1000
EVENTS_PER_S = 1000.0
PHASE_S = 20.0
SETTLE_S = 10.0
PRESENCE_EVERY_S = 5.0
OPEN_TIMEOUT_S = 120.0
STILL_MAX_CORES = 0.1
WATCHED_MAX_CORES = 0.25
"""An aggregator has one core: what is only there, or only watched, leaves most of it to what is played."""
TOLD_MAX_OF_PLAYED = 0.5
"""A count that is told is an entry like any other, without points: it is added up, appended, read, folded and stored."""


def run(matches: int = MATCHES, phase_s: float = PHASE_S) -> dict[str, Any]:
    """`checks` says what was missed."""
    with (
        tempfile.TemporaryDirectory(prefix="grandstand-bench-") as directory,
        GatewayProcess(listen__workers=1, aggregate__enabled="false") as gateway,
    ):
        postgres = EmbeddedPostgres(Path(directory))
        asyncio.run(postgres.start())
        try:
            return _run(gateway, postgres.url, matches, phase_s)
        finally:
            asyncio.run(postgres.stop())


def _run(gateway: GatewayProcess, history_url: str, matches: int, phase_s: float) -> dict[str, Any]:
    url = gateway.store_url
    with Publisher(url, matches), aggregator(url, history_url) as process:
        deadline = time.monotonic() + OPEN_TIMEOUT_S
        while entries_stored(history_url) < matches:
            assert time.monotonic() < deadline, "the matches were not opened in time"
            time.sleep(0.5)
        time.sleep(SETTLE_S)
        cores = {"still": _cores(process.pid, lambda: time.sleep(phase_s))}
        rounds = _Rounds(url, matches)
        rounds.run(SETTLE_S)
        before, began_s = _entries(url, matches), time.monotonic()
        cores["watched"] = _cores(process.pid, lambda: rounds.run(phase_s))
        told_per_s = (_entries(url, matches) - before) / (time.monotonic() - began_s)
        shown = _shown(url, matches)
        with PointsPublisher(url, "", matches, MEMBERS, KEPT) as publisher:
            publisher.start(EVENTS_PER_S)
            rounds.run(SETTLE_S)
            cores["played"] = _cores(process.pid, lambda: rounds.run(phase_s))
            publisher.stop()
    told_us = (cores["watched"] - cores["still"]) / max(1.0, told_per_s) * 1e6
    played_us = (cores["played"] - cores["watched"]) / EVENTS_PER_S * 1e6
    return {
        "scenario": "matches",
        "matches": matches,
        "events_per_s": EVENTS_PER_S,
        "cores": {name: round(share, 3) for name, share in cores.items()},
        "told_per_s": round(told_per_s),
        "told_us": round(told_us),
        "played_us": round(played_us),
        "checks": [
            at_most(f"cores for {matches} live matches in which nothing happens", round(cores["still"], 3), STILL_MAX_CORES),
            at_most("the same when the viewers of each change every 5 s", round(cores["watched"], 3), WATCHED_MAX_CORES),
            at_most("processor time of a count that is told, of an event's", round(told_us / played_us, 3), TOLD_MAX_OF_PLAYED),
            at_most("matches that do not tell of their viewers", matches - shown, 0),
        ],
    }  # fmt: skip


class _Rounds:
    """A worker's counts of viewers, put as a worker does; every count is another one each time."""

    def __init__(self, url: str, matches: int) -> None:
        self._url = url
        self._names = [f"match:{number}" for number in range(matches)]
        self._round = 0

    def run(self, duration_s: float) -> None:
        """Puts counts for so long."""
        asyncio.run(self._run(time.monotonic() + duration_s))

    async def _run(self, end_s: float) -> None:
        presence = Presence(self._url, int(PRESENCE_EVERY_S * 3000))
        while (left_s := end_s - time.monotonic()) > 0:
            self._round += 1
            counts = {name: 100 + (self._round + number) % 50 for number, name in enumerate(self._names)}
            began_s = time.monotonic()
            await presence.put("bench", counts, time.time_ns() // 1_000_000)
            await asyncio.sleep(min(left_s, max(0.0, PRESENCE_EVERY_S - (time.monotonic() - began_s))))
        await presence.close()


def _cores(pid: int, act: Callable[[], None]) -> float:
    """Processor time that the aggregator takes for each second of it."""
    began_s, began_cpu_s = time.monotonic(), cpu_s(pid)
    act()
    return (cpu_s(pid) - began_cpu_s) / (time.monotonic() - began_s)


def _entries(url: str, matches: int) -> int:
    """Entries of all matches."""
    with redis.Redis.from_url(url) as store:
        pipeline = store.pipeline(transaction=False)
        for number in range(matches):
            pipeline.xlen(f"live:{{match:{number}}}")
        return sum(pipeline.execute())


def _shown(url: str, matches: int) -> int:
    """How many streams have an entry with a count of viewers."""
    store = redis.Redis.from_url(url)
    pipeline = store.pipeline(transaction=False)
    for number in range(matches):
        pipeline.xrevrange(f"live:{{match:{number}}}", count=1)
    found = sum(bool(rows) and b'"viewers"' in rows[0][1][b"e"] for rows in pipeline.execute())
    store.close()
    return found

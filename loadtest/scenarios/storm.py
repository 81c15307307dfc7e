"""A storm: everybody who was cut off comes back at once with the version held, while others go on watching.

Two workers; the crowd comes as fast as its own processes can. What counts is how long it takes until each one of it has
what was missed, and how late the others' messages are meanwhile.
"""

from __future__ import annotations

import time
from typing import Any

from loadtest.fleet import Fleet
from loadtest.gateway_process import GatewayProcess
from loadtest.publisher import Publisher
from loadtest.scenarios.checks import at_most, loop_held, unbroken

CROWD = 20_000
OTHERS = 2_000
EVENTS_PER_S = 2.0
WARM_UP_S = 4.0
BEHIND_S = 3.0
SERVED_MAX_S = 3.0
P99_MAX_MS = 500.0
TIMEOUT_S = 120.0
PATH = "/v1/live?channel=match:0"
HEADERS = {"Sec-WebSocket-Protocol": "grandstand.v1.json"}


def run(crowd: int = CROWD, others: int = OTHERS, storms: int = 3) -> dict[str, Any]:
    """The same storm several times; the checks are on the median one. `checks` says what was missed."""
    found: list[dict[str, Any]] = []
    with (
        GatewayProcess(listen__workers=2) as gateway,
        Publisher(gateway.store_url, 1) as publisher,
        Fleet(1, others) as watching,
    ):
        watching.connect(
            "127.0.0.1",
            gateway.port,
            PATH,
            others,
            channel="match:0",
            headers=HEADERS,
            rate_per_s=1000,
            retry_ms=(500, 2000),
        )
        watching.wait_open(TIMEOUT_S)
        publisher.start(EVENTS_PER_S)
        time.sleep(WARM_UP_S)
        before = gateway.metrics()
        for _ in range(storms):
            found.append(_storm(gateway, watching, crowd))
            time.sleep(WARM_UP_S)
        after = gateway.metrics()
        published = publisher.stop()
        summary = watching.summary()
    found.sort(key=lambda storm: storm["served_s"])
    median = found[len(found) // 2]
    late = sorted(storm["others"]["p99_ms"] for storm in found)[len(found) // 2]
    checks = [
        at_most(f"seconds until {crowd} have what they missed", median["served_s"], SERVED_MAX_S),
        at_most("p99 of the others meanwhile (ms)", late, P99_MAX_MS),
        at_most("of the crowd, got a whole snapshot", max(storm["snapshots"] for storm in found), 0),
        loop_held(before, after),
        unbroken(summary, *(storm["raw"] for storm in found), without=("lost",)),
    ]
    return {
        "scenario": "storm",
        "crowd": crowd,
        "watching": others,
        "events_per_s": EVENTS_PER_S,
        "storms": found,
        "publisher": published,
        "checks": checks,
    }


def _storm(gateway: GatewayProcess, watching: Fleet, crowd: int) -> dict[str, Any]:
    since = max(watching.versions().items(), key=lambda held: held[1])[0]
    # Several flushes later: the crowd has missed something.
    time.sleep(BEHIND_S)
    with Fleet(2, -(-crowd // 2)) as coming:
        coming.cpu_s()
        before = gateway.metrics()
        cpu_s = gateway.cpu_s()
        watching.reset_latency()
        begun = time.monotonic()
        coming.connect(
            "127.0.0.1",
            gateway.port,
            PATH,
            crowd,
            channel="match:0",
            headers=HEADERS,
            since=since,
            retry_ms=(100, 1000),
        )
        coming.wait_open(TIMEOUT_S)
        coming.expect(1, TIMEOUT_S)
        coming.wait_expected(TIMEOUT_S)
        served_s = time.monotonic() - begun
        latency = watching.latency().summary()
        cpu_s = gateway.cpu_s() - cpu_s
        after = gateway.metrics()
        summary = coming.summary()
    joined = 'grandstand_snapshots_total{reason="join"}'
    return {
        "served_s": round(served_s, 2),
        "others": latency,
        "workers_cpu_us_per_opening": round(cpu_s * 1e6 / crowd, 1),
        "snapshots": round(after.get(joined, 0) - before.get(joined, 0)),
        "raw": summary,
    }

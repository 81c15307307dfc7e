"""The whole gateway with many channels of few viewers: publish to delivered, and how long its loop was held.

Store, two workers, publisher and viewers share the machine: the figures are those of all of them together.
"""

from __future__ import annotations

import time
from typing import Any

from loadtest.fleet import Fleet
from loadtest.gateway_process import GatewayProcess, percentile_limit_ms, share_within
from loadtest.publisher import Publisher
from loadtest.scenarios.checks import HELD_MAX_S, LOOP_HELD, at_most, loop_held, unbroken

CHANNELS = 10_000
EVENTS_PER_CHANNEL_S = 0.1
WARM_UP_S = 15.0
DURATION_S = 40.0
P99_MAX_MS = 100.0
LOOP_LAG = "grandstand_loop_lag_seconds"
CONNECT_RATE = 1000.0
CONNECT_TIMEOUT_S = 180.0
PATH = "/v1/live?channel=match:{n}"


def run(channels: int = CHANNELS, duration_s: float = DURATION_S, warm_up_s: float = WARM_UP_S) -> dict[str, Any]:
    """One viewer for each channel; `checks` says what was missed."""
    with (
        GatewayProcess(listen__workers=2) as gateway,
        Publisher(gateway.store_url, channels) as publisher,
        Fleet(1, channels) as fleet,
    ):
        fleet.connect(
            "127.0.0.1",
            gateway.port,
            PATH,
            channels,
            channel="match:{n}",
            numbers=(0, channels),
            headers={"Sec-WebSocket-Protocol": "grandstand.v1.json"},
            rate_per_s=CONNECT_RATE,
            retry_ms=(500, 4000),
        )
        opening_s = fleet.wait_open(CONNECT_TIMEOUT_S)
        publisher.start(channels * EVENTS_PER_CHANNEL_S)
        time.sleep(warm_up_s)
        metrics, cpu_s, fleet_cpu_s = gateway.metrics(), gateway.cpu_s(), sum(fleet.cpu_s())
        fleet.reset_latency()
        time.sleep(duration_s)
        latency = fleet.summary()["latency"]
        cpu_s, fleet_cpu_s = gateway.cpu_s() - cpu_s, sum(fleet.cpu_s()) - fleet_cpu_s
        after = gateway.metrics()
        published = publisher.stop()
        summary = fleet.summary()
        memory = gateway.private_bytes()
    late = 100 - share_within(metrics, after, LOOP_LAG, HELD_MAX_S)
    held = loop_held(metrics, after)
    checks = [
        at_most(f"p99 publish to delivered, {channels} channels (ms)", latency["p99_ms"], P99_MAX_MS),
        held,
        unbroken(summary),
    ]
    return {
        "scenario": "channels",
        "channels": channels,
        "viewers": channels,
        "events_per_s": channels * EVENTS_PER_CHANNEL_S,
        "workers": 2,
        "duration_s": duration_s,
        "opening_s": round(opening_s, 1),
        "latency": latency,
        "loop_lag_p999_ms": percentile_limit_ms(metrics, after, LOOP_LAG, 99.9),
        "loop_held_p999_ms": percentile_limit_ms(metrics, after, LOOP_HELD, 99.9),
        "loop_late_percent": round(late, 3),
        "loop_held_percent": held["value"],
        "workers_cpu_us_per_event": round(cpu_s * 1e6 / max(1, latency["count"]), 1),
        "workers_cores": round(cpu_s / duration_s, 2),
        "viewers_cores": round(fleet_cpu_s / duration_s, 2),
        "workers_bytes": memory,
        "publisher": published,
        "raw": summary,
        "checks": checks,
    }

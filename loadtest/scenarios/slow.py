"""Slow readers: a share of a channel's viewers reads nothing for a while; what the others notice, what is held for them.

Phases with and without alternate, so that a noisy machine is noisy for both. Slow are as many WebSocket viewers as
event streams; they have small receive buffers, so that their sockets are full within seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from loadtest.fleet import Fleet, FleetFailed
from loadtest.gateway_process import GatewayProcess
from loadtest.memory import socket_bytes
from loadtest.publisher import Publisher
from loadtest.scenarios.checks import at_most, loop_held, unbroken
from native.histogram import Histogram

VIEWERS = 2_000
SLOW = 200
EVENTS_PER_S = 20.0
EVENT_PAD_BYTES = 1000
"""As large as the positions of ten players: full sockets within seconds."""
PAUSE_S = 20.0
PAUSES = 2
WARM_UP_S = 5.0
RECEIVE_BUFFER_BYTES = 4096
P99_CHANGE_MAX = 1.10
SEND_BUFFER_BYTES = 65_536
"""The gateway's default of viewers.send_buffer_bytes."""
KERNEL_MAX_BYTES = 3 * SEND_BUFFER_BYTES
"""The kernel takes twice what is asked for (socket(7)), and the receiver's side comes on top."""
CATCH_UPS_MAX = 3
"""A catch-up that does not fit into a small buffer at once makes its viewer behind again."""
USER_MAX_BYTES = 4096
CATCH_UP_TIMEOUT_S = 20.0
CONNECT_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Phase:
    """What was seen while the slow ones read, or did not."""

    paused: bool
    p99_ms: float
    p50_ms: float
    kernel_bytes: int
    user_bytes: int


def run(viewers: int = VIEWERS, slow: int = SLOW, pause_s: float = PAUSE_S, pauses: int = PAUSES) -> dict[str, Any]:
    """`viewers` in all, `slow` of them pausing; `checks` says what was missed."""
    phases: list[Phase] = []
    reading, paused = Histogram(), Histogram()
    catch_ups: list[float] = []
    with (
        GatewayProcess(listen__workers=2) as gateway,
        Publisher(gateway.store_url, 1) as publisher,
        Fleet(1, slow) as slow_ones,
        Fleet(1, viewers - slow) as others,
    ):
        _connect(gateway, slow_ones, slow // 2, RECEIVE_BUFFER_BYTES, sse=False)
        _connect(gateway, slow_ones, slow - slow // 2, RECEIVE_BUFFER_BYTES, sse=True)
        _connect(gateway, others, viewers - slow, 0, sse=False)
        slow_ones.wait_open(CONNECT_TIMEOUT_S)
        others.wait_open(CONNECT_TIMEOUT_S)
        publisher.start(EVENTS_PER_S, EVENT_PAD_BYTES)
        time.sleep(WARM_UP_S)
        before = gateway.metrics()
        for number in range(2 * pauses + 1):
            is_paused = number % 2 == 1
            if is_paused:
                slow_ones.pause(1.0)
            others.reset_latency()
            time.sleep(pause_s)
            latency = others.latency()
            (paused if is_paused else reading).merge(latency.dump())
            phases.append(
                Phase(
                    is_paused,
                    latency.percentile_us(99) / 1000,
                    latency.percentile_us(50) / 1000,
                    socket_bytes(),
                    gateway.private_bytes(),
                )
            )
            if is_paused:
                slow_ones.resume()
                catch_ups.append(_catch_up(slow_ones, others))
        published = publisher.stop()
        after = gateway.metrics()
        slow_summary, summary = slow_ones.summary(), others.summary()
        one_version = _one_version(slow_ones, others)
    kernel = _held(phases, "kernel_bytes", slow)
    user = _held(phases, "user_bytes", slow)
    conflated = _grown(before, after, "grandstand_conflated_total")
    change = paused.percentile_us(99) / max(1, reading.percentile_us(99))
    checks = [
        at_most("p99 of the others while some do not read, against all reading", round(change, 3), P99_CHANGE_MAX),
        at_most("kernel bytes held for a viewer that does not read", round(kernel), KERNEL_MAX_BYTES),
        at_most("user bytes held for a viewer that does not read", round(user), USER_MAX_BYTES),
        {
            "name": "catch-up messages to viewers that had not read",
            "value": conflated,
            "limit": CATCH_UPS_MAX * slow * pauses,
            "passed": 0 < conflated <= CATCH_UPS_MAX * slow * pauses,
        },
        loop_held(before, after),
        unbroken(slow_summary, summary),
        at_most("versions held at the end, less one", one_version - 1, 0),
    ]
    return {
        "scenario": "slow",
        "viewers": viewers,
        "slow": slow,
        "events_per_s": EVENTS_PER_S,
        "pause_s": pause_s,
        "reading": reading.summary(),
        "paused": paused.summary(),
        "p99_change": round(change, 3),
        "kernel_bytes_per_slow_viewer": round(kernel),
        "user_bytes_per_slow_viewer": round(user),
        "catch_up_s": [round(value, 2) for value in catch_ups],
        "conflated": conflated,
        "deltas_per_slow_viewer": round(slow_summary["deltas"] / slow, 1),
        "deltas_per_other_viewer": round(summary["deltas"] / (viewers - slow), 1),
        "publisher": published,
        "raw": {"phases": [vars_of(phase) for phase in phases], "slow": slow_summary, "others": summary},
        "checks": checks,
    }


def vars_of(phase: Phase) -> dict[str, Any]:
    """A phase for the raw result."""
    return {name: getattr(phase, name) for name in Phase.__slots__}


def _connect(gateway: GatewayProcess, fleet: Fleet, count: int, receive_buffer_bytes: int, sse: bool) -> None:
    fleet.connect(
        "127.0.0.1",
        gateway.port,
        "/v1/channels/match:0/stream" if sse else "/v1/live?channel=match:0",
        count,
        channel="match:0",
        transport="sse" if sse else "ws",
        headers={} if sse else {"Sec-WebSocket-Protocol": "grandstand.v1.json"},
        receive_buffer_bytes=receive_buffer_bytes,
        rate_per_s=1000,
        retry_ms=(500, 2000),
    )


def _catch_up(slow_ones: Fleet, others: Fleet) -> float:
    """How long after reading again all slow viewers hold what some other viewer held at that moment, or later."""
    begun = time.monotonic()
    target = max(_sequence(version) for version in others.versions())
    while min(_sequence(version) for version in slow_ones.versions()) < target:
        if time.monotonic() - begun > CATCH_UP_TIMEOUT_S:
            raise FleetFailed(f"slow viewers did not catch up: {slow_ones.versions()}")
        time.sleep(0.01)
    return time.monotonic() - begun


def _one_version(slow_ones: Fleet, others: Fleet) -> int:
    """How many different versions all viewers hold once nothing is published any more."""
    deadline = time.monotonic() + CATCH_UP_TIMEOUT_S
    while True:
        held = {*slow_ones.versions(), *others.versions()}
        if len(held) == 1 or time.monotonic() > deadline:
            return len(held)
        time.sleep(0.05)


def _sequence(version: str) -> int:
    """For orientation only: to viewers a version is opaque."""
    return int(version.partition(".")[0].partition("-")[2])


def _held(phases: list[Phase], member: str, slow: int) -> float:
    """The mean of a paused phase's bytes beyond the mean of its neighbours, for each slow viewer."""
    beyond = []
    for before, phase, after in zip(phases[0::2], phases[1::2], phases[2::2], strict=False):
        usual: float = (getattr(before, member) + getattr(after, member)) / 2
        beyond.append(float(getattr(phase, member)) - usual)
    return max(0.0, sum(beyond) / len(beyond) / slow)


def _grown(before: dict[str, float], after: dict[str, float], name: str) -> int:
    return round(after.get(name, 0.0) - before.get(name, 0.0))

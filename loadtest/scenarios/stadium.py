"""One match that everybody watches: publish to delivered for 50,000 viewers at one event a second, against a floor of C loops.

The whole gateway (store, workers, sibling links) with a crowd of its own, and beside it as many processes that do nothing but
send() to their share of a crowd as large, from the moment at which all of them are told. Rounds of both alternate while
both crowds stay connected; servers, viewers and store share the machine, so latencies are those of all of them together.
All of it is done several times from the start, as how the kernel spreads viewers over workers is drawn anew each time; the
bounds are on the median, and the spread stands beside it.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import redis

from loadtest.fleet import Fleet
from loadtest.gateway_process import GatewayProcess, percentile_limit_ms
from loadtest.publisher import STATE
from loadtest.scenarios.channels import LOOP_LAG
from loadtest.scenarios.checks import Check, at_most, loop_held, unbroken
from loadtest.servers import native_table
from loadtest.servers.child import Server
from native.histogram import Histogram

VIEWERS = 50_000
SERVERS = 3
"""Processes on either side: one holds at most 18,000 connections (20,000 descriptors)."""
CLIENTS = 4
FLUSHES = 10
ROUNDS = 2
REPEATS = 3
WARM_UP_FLUSHES = 2
INTERVAL_S = 1.0
RATIO_MAX = 1.15
P99_MAX_MS = 500.0
FLOOR_ENOUGH_MS = 430.0
"""Where the floor itself is slower, the machine cannot show the bound in milliseconds."""
CONNECT_TIMEOUT_S = 120.0
CHANNEL = "match:0"
PATH = f"/v1/live?channel={CHANNEL}"
SILENT = {"pace__tick_s": 60, "pace__paused_after_s": 600}
"""The gateway says nothing by itself while it is the floor's turn."""

Publish = Callable[[], None]


@dataclass(slots=True)
class Repeat:
    """One time from the start: what either side's viewers saw in all rounds, and what held the workers' loops."""

    seen: dict[str, Histogram]
    before: dict[str, float]
    after: dict[str, float]
    summaries: list[dict[str, Any]]

    def p99_ms(self, side: str) -> float:
        """Of all its rounds together."""
        return float(self.seen[side].percentile_us(99)) / 1000


def run(viewers: int = VIEWERS, flushes: int = FLUSHES, rounds: int = ROUNDS, repeats: int = REPEATS) -> dict[str, Any]:
    """`checks` says what was missed."""
    return _result(viewers, flushes * rounds, [_repeat(viewers, flushes, rounds) for _ in range(repeats)])


def _repeat(viewers: int, flushes: int, rounds: int) -> Repeat:
    with ExitStack() as stack:
        gateway = stack.enter_context(GatewayProcess(listen__workers=SERVERS, **SILENT))
        store = redis.Redis.from_url(gateway.store_url)
        stack.callback(store.close)
        publish = _match(store)
        floor, floor_port = _floor(stack, viewers)
        crowd = stack.enter_context(Fleet(CLIENTS, -(-viewers // CLIENTS)))
        crowd.connect(
            "127.0.0.1", gateway.port, PATH, viewers, channel=CHANNEL, rate_per_s=10_000,
            headers={"Sec-WebSocket-Protocol": "grandstand.v1.json"}, retry_ms=(200, 1000),
        )  # fmt: skip
        crowd.wait_open(CONNECT_TIMEOUT_S)
        floor_crowd = stack.enter_context(Fleet(CLIENTS, -(-viewers // CLIENTS)))
        floor_crowd.connect("127.0.0.1", floor_port, "/", viewers, channel="match:1", rate_per_s=10_000)
        floor_crowd.wait_open(CONNECT_TIMEOUT_S)
        sides: dict[str, tuple[Fleet, Publish]] = {
            "gateway": (crowd, publish),
            "floor": (floor_crowd, lambda: _send(floor)),
        }
        for _, tell in sides.values():
            _flushes(tell, WARM_UP_FLUSHES)
        before = gateway.metrics()
        merged = {side: Histogram() for side in sides}
        for turn in range(rounds):
            for side in ("gateway", "floor") if turn % 2 == 0 else ("floor", "gateway"):
                fleet, tell = sides[side]
                fleet.reset_latency()
                _flushes(tell, flushes)
                merged[side].merge(fleet.latency().dump())
        after = gateway.metrics()
        return Repeat(merged, before, after, [fleet.summary() for fleet in (crowd, floor_crowd)])


def _result(viewers: int, flushes: int, found: list[Repeat]) -> dict[str, Any]:
    spread = sorted(round(one.p99_ms("gateway") / one.p99_ms("floor"), 3) for one in found)
    ratio = round(statistics.median(spread), 3)
    p99_ms, floor_ms = (statistics.median(one.p99_ms(side) for one in found) for side in ("gateway", "floor"))
    merged = {side: Histogram() for side in ("gateway", "floor")}
    for one in found:
        for side, histogram in merged.items():
            histogram.merge(one.seen[side].dump())
    delivered = sum(int(histogram.summary()["count"]) for histogram in merged.values())
    checks: list[Check] = [
        at_most(f"p99 publish to delivered, {viewers} viewers, against the C loops, median", ratio, RATIO_MAX)
    ]
    if floor_ms < FLOOR_ENOUGH_MS:
        name = f"p99 publish to delivered, {viewers} viewers, median (ms)"
        checks.append(at_most(name, round(p99_ms, 1), P99_MAX_MS))
    checks += [
        at_most("messages that did not come", 2 * viewers * flushes * len(found) - delivered, 0),
        max((loop_held(one.before, one.after) for one in found), key=lambda check: float(check["value"])),
        unbroken(*(summary for one in found for summary in one.summaries)),
    ]
    return {
        "scenario": "stadium",
        "viewers": viewers,
        "servers": SERVERS,
        "clients": CLIENTS,
        **{side: histogram.summary() for side, histogram in merged.items()},
        "repeats": [{side: round(one.p99_ms(side), 1) for side in merged} for one in found],
        "ratio": ratio,
        "ratio_spread": [spread[0], ratio, spread[-1]],
        "loop_lag_p999_ms": max(percentile_limit_ms(one.before, one.after, LOOP_LAG, 99.9) for one in found),
        "raw": [{side: one.seen[side].summary() for side in merged} | {"viewers": one.summaries} for one in found],
        "checks": checks,
    }


def _match(store: redis.Redis) -> Publish:
    """Opens the match; what publishes one event of it."""
    key = f"live:{{{CHANNEL}}}"
    epoch = store.incr(f"epoch:{{{CHANNEL}}}")
    event = {"op": "reset", "rules": "scoreboard", "state": {"title": "The final", **STATE}}
    store.xadd(key, {"t": time.time_ns() // 1_000_000, "e": msgspec.json.encode(event)}, id=f"{epoch}-*")

    def publish() -> None:
        sent_us = time.time_ns() // 1000
        entry = msgspec.json.encode({"op": "score", "team": "red", "player": "p0", "sent_us": sent_us})
        store.xadd(key, {"t": sent_us // 1000, "e": entry}, id=f"{epoch}-*")

    return publish


def _floor(stack: ExitStack, viewers: int) -> tuple[list[Server], int]:
    """Processes that share one port as workers do, so that the kernel spreads viewers over them in the same way."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
        main = partial(native_table.main, port=port)
        room = viewers // SERVERS + viewers // 10 + 100
        return [stack.enter_context(Server(main, room)) for _ in range(SERVERS)], port


def _send(floor: list[Server]) -> None:
    sent_us = time.time_ns() // 1000
    for server in floor:
        server.tell("stamped", sent_us)
    for server in floor:
        server.answer()


def _flushes(tell: Publish, count: int) -> None:
    """`count` flushes at the pace; the last one has as long as the others to come."""
    due_s = time.monotonic()
    for _ in range(count):
        tell()
        due_s += INTERVAL_S
        time.sleep(max(0.0, due_s - time.monotonic()))

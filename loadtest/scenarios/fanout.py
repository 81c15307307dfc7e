"""Fan-out: processor time of the server per delivered frame, against a C loop of send() over the same sockets.

Rounds of the fan-out and of the floor alternate, so that a noisy machine is noisy for both; the clock stops when every
viewer has received every message, and every viewer checks the chain of versions. A plain picows broadcast runs beside.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.fleet import Fleet
from loadtest.servers import native_table, picows_broadcast
from loadtest.servers.child import Server

SIZES = (2_000, 15_000)
CPU_RATIO_MAX = 1.05
MEMORY_MAX_BYTES = 307
FRAMES_PER_ROUND = 30_000
ROUNDS = 15
CONNECT_TIMEOUT_S = 120.0
PAYLOAD_BYTES = 128


@dataclass(slots=True)
class Round:
    """One round of one way to send."""

    how: str
    frames: int
    cpu_us_per_frame: float


class Mismatch(Exception):
    """Not every viewer received exactly what was sent."""


def run(sizes: tuple[int, ...] = SIZES, rounds: int = ROUNDS) -> dict[str, Any]:
    """All sizes; `checks` says which ratio was missed."""
    results = [_size(viewers, rounds) for viewers in sizes]
    largest = results[-1]
    checks = [
        {
            "name": f"fan-out CPU per frame, {result['viewers']} viewers, against the C loop",
            "value": result["ratio"],
            "limit": CPU_RATIO_MAX,
            "passed": result["ratio"] <= CPU_RATIO_MAX,
        }
        for result in results
    ]
    checks.append(
        {
            "name": f"user memory a parked viewer, {largest['viewers']} viewers (bytes)",
            "value": round(largest["fanout"]["bytes_per_viewer"]),
            "limit": MEMORY_MAX_BYTES,
            "passed": largest["fanout"]["bytes_per_viewer"] <= MEMORY_MAX_BYTES,
        }
    )
    return {"scenario": "fanout", "payload_bytes": PAYLOAD_BYTES, "sizes": results, "checks": checks}


def _size(viewers: int, rounds: int) -> dict[str, Any]:
    flushes = max(2, FRAMES_PER_ROUND // viewers)
    native_rounds, native_memory = _measure(native_table.main, viewers, ("fanout", "floor"), rounds, flushes)
    peer_rounds, peer_memory = _measure(picows_broadcast.main, viewers, ("picows",), max(3, rounds // 2), flushes)
    by_way = {way: [r for r in native_rounds + peer_rounds if r.how == way] for way in ("fanout", "floor", "picows")}
    pairs = zip(by_way["fanout"], by_way["floor"], strict=True)
    ratios = [ours.cpu_us_per_frame / floor.cpu_us_per_frame for ours, floor in pairs]
    result: dict[str, Any] = {
        "viewers": viewers,
        "flushes_per_round": flushes,
        "ratio": round(statistics.median(ratios), 3),
        "ratio_quartiles": [round(value, 3) for value in statistics.quantiles(ratios, n=4)],
        "rounds": [asdict(r) for r in native_rounds + peer_rounds],
    }
    for way, found in by_way.items():
        result[way] = {"cpu_us_per_frame": round(statistics.median(r.cpu_us_per_frame for r in found), 3)}
    result["fanout"] |= native_memory
    result["picows"] |= peer_memory
    return result


def floor_us(viewers: int, rounds: int) -> float:
    """Processor time of the C loop for each delivered frame."""
    found, _ = _measure(native_table.main, viewers, ("floor",), rounds, max(2, FRAMES_PER_ROUND // viewers))
    return statistics.median(r.cpu_us_per_frame for r in found)


def _measure(
    main: Any, viewers: int, ways: tuple[str, ...], rounds: int, flushes: int
) -> tuple[list[Round], dict[str, Any]]:
    found: list[Round] = []
    with Server(main, viewers) as server, Fleet(1) as fleet:
        fleet.connect("127.0.0.1", server.port, "/", viewers, channel="match:1", rate_per_s=5000)
        fleet.wait_open(CONNECT_TIMEOUT_S)
        fleet.expect(1)
        fleet.wait_expected()
        sent = 1
        for number in range(-1, rounds):
            for way in ways if number % 2 == 0 else reversed(ways):
                result = _round(server, fleet, viewers, way, sent, flushes)
                sent += flushes
                if number >= 0:
                    # The first of each way warms caches and is not counted.
                    found.append(result)
        memory = server.ask("memory")
        summary = fleet.summary()
        _check(summary, viewers, sent)
    return found, {"bytes_per_viewer": round(memory["bytes_per_viewer"], 1), "memory": memory}


def _round(server: Server, fleet: Fleet, viewers: int, way: str, sent: int, flushes: int) -> Round:
    before = server.ask("clock")
    for number in range(sent + 1, sent + flushes + 1):
        fleet.expect(number)
        reached = server.ask("flush", way)
        fleet.wait_expected()
        if reached != viewers:
            raise Mismatch(f"{way}: {reached} of {viewers} viewers were sent to")
    cpu_s = server.ask("clock") - before
    frames = viewers * flushes
    return Round(way, frames, cpu_s * 1e6 / frames)


def _check(summary: dict[str, Any], viewers: int, sent: int) -> None:
    expected = {"messages": viewers * sent, "gaps": 0, "duplicates": 0, "violations": 0, "malformed": 0, "lost": 0}
    wrong = {name: summary[name] for name, value in expected.items() if summary[name] != value}
    if wrong:
        raise Mismatch(f"expected {expected}, found {wrong}")

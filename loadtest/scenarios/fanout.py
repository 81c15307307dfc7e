"""Fan-out: processor time of the server per delivered frame, against a C loop of send() over the same sockets.

Rounds of the fan-out and of the floor alternate, so that a noisy machine is noisy for both; the clock stops when every
viewer has received every message, and every viewer checks the chain of versions. Plain broadcasts of picows, npm `ws` and
PyPI `websockets` run beside, each with viewers of its own; `deflated` is the same with permessage-deflate.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from loadtest.fleet import Fleet
from loadtest.memory import private_bytes
from loadtest.payload import delta, moving, snapshot
from loadtest.scenarios.checks import at_most
from loadtest.servers import native_table, picows_broadcast, websockets_broadcast
from loadtest.servers.child import Server
from loadtest.servers.process import NodeServer, cpu_s

SIZES = (2_000, 15_000)
DEFLATED_SIZES = (2_000,)
"""npm `ws` keeps a compressor of a third of a megabyte for each viewer."""
CPU_RATIO_MAX = 1.05
WS_RATIO_MAX = 1.0
MEMORY_MAX_BYTES = 307
FRAMES_PER_ROUND = 30_000
ROUNDS = 15
CONNECT_TIMEOUT_S = 120.0
CONNECT_RATE = 2_000
"""Viewers a second: what the slowest of the servers lets in."""
PAYLOAD_BYTES = 128
OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; server_no_context_takeover; client_no_context_takeover"}


@dataclass(slots=True)
class Round:
    """One round of one way to send."""

    how: str
    frames: int
    cpu_us_per_frame: float


@dataclass(slots=True)
class Broadcast:
    """A server that sends one message to everybody when it is told.

    Attributes:
        flush: sends message `number` in one way; to how many.
        user_bytes: held beyond the idle process.
    """

    port: int
    pid: int
    flush: Callable[[str, int], int]
    user_bytes: Callable[[], float]
    held_us: Callable[[], float] = lambda: 0.0


class Mismatch(Exception):
    """Not every viewer received exactly what was sent."""


def run(sizes: tuple[int, ...] = SIZES, rounds: int = ROUNDS, peers: bool = True) -> dict[str, Any]:
    """All sizes; `checks` says which ratio was missed."""
    results = [_size(viewers, rounds, deflate=False, peers=peers) for viewers in sizes]
    memory = round(results[-1]["fanout"]["bytes_per_viewer"])
    checks = [_against_floor(result) for result in results]
    checks.append(
        at_most(f"user memory a parked viewer, {results[-1]['viewers']} viewers (bytes)", memory, MEMORY_MAX_BYTES)
    )
    checks += [_held(result) for result in results]
    return {"scenario": "fanout", "payload_bytes": PAYLOAD_BYTES, "sizes": results, "checks": checks}


def run_deflated(sizes: tuple[int, ...] = DEFLATED_SIZES, rounds: int = ROUNDS, peers: bool = True) -> dict[str, Any]:
    """The same with permessage-deflate agreed on by all; the floor sends what was compressed before."""
    results = [_size(viewers, rounds, deflate=True, peers=peers) for viewers in sizes]
    checks = [_against_floor(result) for result in results]
    for result in results:
        if "ws" in result:
            ratio = result["fanout"]["cpu_us_per_frame"] / result["ws"]["cpu_us_per_frame"]
            name = f"fan-out CPU per compressed frame, {result['viewers']} viewers, against npm ws"
            checks.append(at_most(name, round(ratio, 3), WS_RATIO_MAX))
    checks += [_held(result) for result in results]
    return {"scenario": "deflated", "payload_bytes": len(moving(1000)), "sizes": results, "checks": checks}


def _against_floor(result: dict[str, Any]) -> dict[str, Any]:
    name = f"fan-out CPU per frame, {result['viewers']} viewers, against the C loop"
    return at_most(name, result["ratio"], CPU_RATIO_MAX)


def _held(result: dict[str, Any]) -> dict[str, Any]:
    name = f"a slice of the fan-out, {result['viewers']} viewers, p99.9 of processor time (ms)"
    return at_most(name, round(result["fanout"]["slice_p999_us"] / 1000, 2), 5.0)


def _size(viewers: int, rounds: int, deflate: bool, peers: bool) -> dict[str, Any]:
    flushes = max(2, FRAMES_PER_ROUND // viewers)
    found: list[Round] = []
    held: dict[str, dict[str, float]] = {}
    for names, served in _servers(viewers, deflate, peers):
        own = "fanout" in names
        made, memory = _measure(served, viewers, names, rounds if own else max(3, rounds // 3), flushes, deflate)
        found += made
        held[names[0]] = memory
    by_way: dict[str, list[Round]] = {}
    for one in found:
        by_way.setdefault(one.how, []).append(one)
    pairs = zip(by_way["fanout"], by_way["floor"], strict=True)
    ratios = [ours.cpu_us_per_frame / floor.cpu_us_per_frame for ours, floor in pairs]
    result: dict[str, Any] = {
        "viewers": viewers,
        "flushes_per_round": flushes,
        "ratio": round(statistics.median(ratios), 3),
        "ratio_quartiles": [round(value, 3) for value in statistics.quantiles(ratios, n=4)],
        "rounds": [asdict(r) for r in found],
    }
    for way, of in by_way.items():
        result[way] = {"cpu_us_per_frame": round(statistics.median(r.cpu_us_per_frame for r in of), 3)}
        result[way] |= held.get(way, {})
    return result


def floor_us(viewers: int, rounds: int) -> float:
    """Processor time of the C loop for each delivered frame."""
    flushes = max(2, FRAMES_PER_ROUND // viewers)
    found, _ = _measure(_child(native_table.main, viewers), viewers, ("floor",), rounds, flushes, False)
    return statistics.median(r.cpu_us_per_frame for r in found)


# -- servers -----------------------------------------------------------------------------------------------------------


def _servers(
    viewers: int, deflate: bool, peers: bool
) -> Iterator[tuple[tuple[str, ...], AbstractContextManager[Broadcast]]]:
    """Each server with the ways in which it sends. picows has no compression."""
    yield ("fanout", "floor"), _child(partial(native_table.main, deflate=deflate), viewers)
    if not deflate:
        yield ("picows",), _child(picows_broadcast.main, viewers)
    if peers:
        yield ("ws",), _node(deflate)
        yield ("websockets",), _child(partial(websockets_broadcast.main, deflate=deflate), viewers)


@contextmanager
def _child(main: Any, viewers: int) -> Iterator[Broadcast]:
    with Server(main, viewers) as server:
        yield Broadcast(
            server.port,
            server.pid,
            lambda how, _number: int(server.ask("flush", how)),
            lambda: float(server.ask("memory")["beyond_idle_bytes"]),
            lambda: float(server.ask("slice_p999_us")),
        )


@contextmanager
def _node(deflate: bool) -> Iterator[Broadcast]:
    message = moving if deflate else delta
    with NodeServer(snapshot(1).decode(), deflate) as node:
        idle = private_bytes(node.pid)
        yield Broadcast(
            node.port,
            node.pid,
            lambda _how, number: node.flush(message(number).decode()),
            lambda: float(private_bytes(node.pid) - idle),
        )


# -- rounds ------------------------------------------------------------------------------------------------------------


def _measure(
    served: AbstractContextManager[Broadcast],
    viewers: int,
    ways: tuple[str, ...],
    rounds: int,
    flushes: int,
    deflate: bool,
) -> tuple[list[Round], dict[str, float]]:
    found: list[Round] = []
    with served as server, Fleet(1) as fleet:
        fleet.connect(
            "127.0.0.1", server.port, "/", viewers, channel="match:1", rate_per_s=CONNECT_RATE,
            headers=OFFER if deflate else {}, retry_ms=(200, 2000),
        )  # fmt: skip
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
        memory = {"bytes_per_viewer": round(server.user_bytes() / viewers, 1)}
        if "fanout" in ways:
            memory["slice_p999_us"] = server.held_us()
        _check(fleet.summary(), viewers, sent, deflate)
    return found, memory


def _round(server: Broadcast, fleet: Fleet, viewers: int, way: str, sent: int, flushes: int) -> Round:
    before_s = cpu_s(server.pid)
    for number in range(sent + 1, sent + flushes + 1):
        fleet.expect(number)
        reached = server.flush(way, number)
        fleet.wait_expected()
        if reached != viewers:
            raise Mismatch(f"{way}: {reached} of {viewers} viewers were sent to")
    frames = viewers * flushes
    return Round(way, frames, (cpu_s(server.pid) - before_s) * 1e6 / frames)


def _check(summary: dict[str, Any], viewers: int, sent: int, deflate: bool) -> None:
    expected = {"messages": viewers * sent, "gaps": 0, "duplicates": 0, "violations": 0, "malformed": 0, "lost": 0}
    if deflate:
        # What is sent after the opening; a short snapshot need not be compressed.
        expected["compressed"] = viewers * (sent - 1)
        summary = {**summary, "compressed": min(summary["compressed"], expected["compressed"])}
    wrong = {name: summary[name] for name, value in expected.items() if summary[name] != value}
    if wrong:
        raise Mismatch(f"expected {expected}, found {wrong}")

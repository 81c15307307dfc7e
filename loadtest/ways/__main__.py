"""`python -m loadtest.ways`: ways to give one frame to many sockets, each against a plain loop of send() over the same sockets.

For deciding what the fan-out does, not part of `make bench`: prints a table for docs/performance.md. Processor time is of the
server's process; the wall time is that of the sends alone, during which a loop would be held.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial

from loadtest.fleet import Fleet
from loadtest.servers.child import Server
from loadtest.ways.server import CORKED, WAYS, main

ROUNDS = 9
FRAMES = 30_000


def measure(viewers: int, size_bytes: int, ways: tuple[str, ...], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Processor and wall time in µs for each frame, by way and round; a way that the kernel lacks is left out."""
    found: dict[str, dict[str, list[float]]] = {way: {"cpu": [], "wall": []} for way in ways}
    flushes = max(2, FRAMES // viewers)
    with Server(partial(main, size_bytes=size_bytes), viewers) as server, Fleet(1) as fleet:
        fleet.connect("127.0.0.1", server.port, "/", viewers, channel="match:1", rate_per_s=5000)
        fleet.wait_open(120)
        fleet.expect(1)
        fleet.wait_expected()
        sent = 1
        for number in range(-1, rounds):
            for way in ways if number % 2 == 0 else reversed(ways):
                messages = CORKED.get(way, 1)
                cpu_s, wall_s = server.ask("clock"), 0.0
                for _ in range(flushes):
                    fleet.expect(sent + messages)
                    reached, took_s = server.ask("way", way)
                    if reached < 0:
                        raise SystemExit(f"this kernel does not offer {way}")
                    if reached != viewers:
                        raise SystemExit(f"{way}: {reached} of {viewers} sockets took the frame")
                    fleet.wait_expected()
                    sent += messages
                    wall_s += took_s
                frames = viewers * flushes * messages
                if number >= 0:
                    found[way]["cpu"].append((server.ask("clock") - cpu_s) * 1e6 / frames)
                    found[way]["wall"].append(wall_s * 1e6 / frames)
        summary = fleet.summary()
    if wrong := {name: summary[name] for name in ("gaps", "duplicates", "malformed", "violations") if summary[name]}:
        raise SystemExit(f"broken messages: {wrong}")
    return found


def table(viewers: int, size_bytes: int, found: dict[str, dict[str, list[float]]], base: str) -> list[str]:
    """Rows of Markdown, each against the first way."""
    rows = []
    for way, each in found.items():
        ratios = {
            name: statistics.median(a / b for a, b in zip(each[name], found[base][name], strict=True)) for name in each
        }
        rows.append(
            f"| {viewers:,} | {size_bytes:,} | {WAYS[way]} | {statistics.median(each['cpu']):.2f} ({ratios['cpu']:.2f}) "
            f"| {statistics.median(each['wall']):.2f} ({ratios['wall']:.2f}) |"
        )
    return rows


def run() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.ways", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer viewers and rounds")
    quick = parser.parse_args().quick
    print("| viewers | bytes | way | CPU µs a frame (against the first) | wall µs a frame |")
    print("|---:|---:|---|---:|---:|")
    plain = ("loop", "shuffled", "helper", "uring", "zerocopy")
    for viewers in (200,) if quick else (2_000, 15_000):
        print("\n".join(table(viewers, 128, measure(viewers, 128, plain, 2 if quick else ROUNDS), "loop")), flush=True)
    few = 200 if quick else 1_000
    large = measure(few, 16_384, ("loop", "zerocopy", "uring"), 2 if quick else ROUNDS)
    print("\n".join(table(few, 16_384, large, "loop")), flush=True)
    corked = measure(few, 128, ("parts", "cork"), 2 if quick else ROUNDS)
    print("\n".join(table(few, 128, corked, "parts")), flush=True)


if __name__ == "__main__":
    run()

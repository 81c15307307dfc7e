"""Boards: events that one aggregator counts a second against the store's ceiling, a board of a million members, event to board.

Store, aggregator, workers and readers share the machine.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import redis
from hiredis import Reader, pack_command

from gateway.aggregate.boards.ledger import pack
from gateway.aggregate.boards.scripts import APPLY
from gateway.client import Viewer
from gateway.history.embedded import EmbeddedPostgres
from gateway.model.boards import STAMP_CHARS, board_marks_key, element, rank_key, score_key, sort_key, tally_key
from loadtest.aggregator_process import aggregator, entries_stored
from loadtest.gateway_process import GatewayProcess, cpu_s
from loadtest.points_publisher import METRIC, PointsPublisher
from loadtest.scenarios.checks import loop_held

EVENTS = 400_000
CHANNELS = 20
MEMBERS = 1_000_000
READS_PER_S = 2000
RATE_PER_S = 5000
DURATION_S = 15.0
WARM_UP_S = 5.0
WIRE_MEMBERS = 50
METRICS = 2
BATCH = 500


def run(events: int = EVENTS, members: int = MEMBERS, duration_s: float = DURATION_S) -> dict[str, Any]:
    """`checks` says what was missed."""
    with GatewayProcess(listen__workers=2, aggregate__enabled="false") as gateway:
        store = redis.Redis.from_url(gateway.store_url)
        counting = _count(store, gateway.store_url, events)
        ceiling_per_s = _ceiling(store, gateway.store_url, events // 4)
        _fill(store, members)
        calls = _calls(store, members)
        disordered = _disordered(store)
        with aggregator(gateway.store_url):
            before = gateway.metrics()
            reads = _reads(gateway.port, members, duration_s)
            shown = _shown(gateway, duration_s)
            after = gateway.metrics()
        store.close()
    checks = [
        _check("events a second of one aggregator, boards and history", counting["per_s"], 20_000, at_least=True),
        _check(
            "of the store's ceiling for the same events, read and counted one by one (ratio)",
            counting["per_s"] / ceiling_per_s,
            0.5,
            at_least=True,
        ),
        *(_check(f"{name} on {members} members, p99 (ms)", ms, 1.0) for name, ms in calls.items()),
        _check("members of that board out of order", disordered, 0),
        _check(f"HTTP read at {READS_PER_S}/s, p99 (ms)", reads["p99_ms"], 10.0),
        _check("HTTP reads a second (of those asked for)", reads["per_s"] / READS_PER_S, 0.95, at_least=True),
        _check(f"event to board on the wire at {RATE_PER_S}/s, p99 (ms)", shown["p99_ms"], 2000.0),
        loop_held(before, after),
    ]
    return {
        "scenario": "boards",
        "events": events,
        "counting": counting,
        "ceiling_per_s": round(ceiling_per_s),
        "members": members,
        "calls_p99_ms": {name: round(ms, 3) for name, ms in calls.items()},
        "http": reads,
        "shown": shown,
        "checks": checks,
    }


# -- counting --------------------------------------------------------------------------------------------------------


def _event(number: int) -> bytes:
    points = {metric: {f"p{number % 97}": 1} for metric in ("kills", "assists")[:METRICS]}
    return json.dumps({"op": "play", "actor": f"p{number % 97}", "patch": {}, "points": points}).encode()


def _publish(store: redis.Redis, events: int, prefix: str) -> None:
    pipeline = store.pipeline(transaction=False)
    for number in range(events):
        fields = {"t": str(time.time_ns() // 1_000_000), "e": _event(number)}
        pipeline.xadd(f"live:{{match:{prefix}{number % CHANNELS}}}", fields, id="1-*")
        if number % 5000 == 4999:
            pipeline.execute()
    pipeline.execute()


def _count(store: redis.Redis, url: str, events: int) -> dict[str, float]:
    """One aggregator that catches up with all that is published: how many events a second are on boards and in the history."""
    _publish(store, events, "bench")

    def counted() -> int:
        return sum(int(score.split()[0]) for score in store.hvals(score_key("kills.all")))

    with tempfile.TemporaryDirectory(prefix="grandstand-bench-") as directory:
        postgres = EmbeddedPostgres(Path(directory))
        asyncio.run(postgres.start())
        try:
            with aggregator(url, postgres.url) as process:
                _until(lambda: counted() > 0)
                began = counted(), time.monotonic(), cpu_s(process.pid), _cpu_s(store)
                _until(lambda: counted() == events)
                boards_s = time.monotonic() - began[1]
                _until(lambda: entries_stored(postgres.url) == events)
                both_s = time.monotonic() - began[1]
                work_s, store_s = cpu_s(process.pid) - began[2], _cpu_s(store) - began[3]
        finally:
            asyncio.run(postgres.stop())
    left = events - began[0]
    return {
        "per_s": round(left / both_s),
        "boards_per_s": round(left / boards_s),
        "cpu_us_per_event": round(work_s / left * 1e6, 1),
        "store_cpu_us_per_event": round(store_s / left * 1e6, 1),
    }


def _cpu_s(store: redis.Redis) -> float:
    info = store.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _ceiling(store: redis.Redis, url: str, events: int) -> float:
    """Events a second of a plain client: for each its calls of the script, for each batch its reading, twice; nothing else is done.

    All is packed before the clock starts; answers are parsed.
    """
    sha = store.script_load(APPLY)
    scopes = ("all", "day.2026-01-01", "week.2026-W01", "match.0")
    batches, mark = [], ""
    for start in range(0, events, BATCH):
        packed = []
        for number in range(start, start + BATCH):
            after = f"1-{number}.00000000"
            tally = pack({f"p{number % 97}": (1, number)})
            for metric in ("kills", "assists")[:METRICS]:
                for scope in scopes:
                    board = f"ceiling{metric}.{scope}"
                    keys = (rank_key(board), score_key(board), board_marks_key(board), tally_key(board, "match:0"))
                    packed.append(pack_command(("EVALSHA", sha, 4, *keys, 0, "match:0", mark, after, tally)))
            mark = after
        packed += 2 * [pack_command(("XRANGE", "live:{match:bench0}", "-", "+", "COUNT", BATCH))]
        batches.append((b"".join(packed), len(packed)))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(url.removeprefix("unix://"))
        answers = Reader()
        began_s = time.monotonic()
        for batch, commands in batches:
            sock.sendall(batch)
            while commands:
                answers.feed(sock.recv(1 << 20))
                while (answer := answers.gets()) is not False:
                    assert answer == [1] or len(answer) == BATCH, answer
                    commands -= 1
        return len(batches) * BATCH / (time.monotonic() - began_s)


# -- a large board ---------------------------------------------------------------------------------------------------


def _fill(store: redis.Redis, members: int) -> None:
    """A board on which many have the same points, and some of those reached them at the same time."""
    board, pipeline = "large.all", store.pipeline(transaction=False)
    for number in range(members):
        name, points, reached = f"member{number}", number * 7919 % 100_003, 1_700_000_000_000 + number % 3
        pipeline.hset(score_key(board), name, f"{points} {reached}")
        pipeline.hset(tally_key(board, "match:large"), name, f"{points} {reached}")
        pipeline.zadd(rank_key(board), {element(name, reached): -points})
        if number % 5000 == 4999:
            pipeline.execute()
    pipeline.hset(board_marks_key(board), "match:large", "1-0.00000000")
    pipeline.execute()


def _calls(store: redis.Redis, members: int, times: int = 5000) -> dict[str, float]:
    """p99 in ms of single calls, the way to the store and back included."""
    board = "large.all"
    script = store.script_load(APPLY)
    keys = (rank_key(board), score_key(board), board_marks_key(board), tally_key(board, "match:large"))
    marks = [f"1-{number}.00000000" for number in range(times + 1)]

    def update(number: int) -> None:
        member = f"member{number * 9973 % members}"
        tally = pack({member: (1, 1_800_000_000_000 + number)})
        args = (0, "match:large", marks[number], marks[number + 1], tally)
        assert store.evalsha(script, 4, *keys, *args) == [1]

    def top(_number: int) -> None:
        assert len(store.zrange(rank_key(board), 0, 99, withscores=True)) == 100

    def around(number: int) -> None:
        member = f"member{number * 31337 % members}"
        _, reached = store.hget(score_key(board), member).split()  # type: ignore[union-attr]
        rank = store.zrank(rank_key(board), element(member, int(reached)))
        assert store.zrange(rank_key(board), max(0, rank - 10), rank + 10)

    return {name: _p99(call, times) for name, call in (("update", update), ("top 100", top), ("around", around))}


def _disordered(store: redis.Redis) -> int:
    """Members of the large board that are not where points, then stamp, then id put them."""
    scores = store.hgetall(score_key("large.all"))
    keys = []
    for member, score in scores.items():
        points, reached_ms = score.split()
        keys.append(sort_key(member.decode(), int(points), int(reached_ms)))
    keys.sort()
    listed = store.zrange(rank_key("large.all"), 0, -1)
    assert len(listed) == len(keys)
    return sum(text[STAMP_CHARS:] != key[2] for text, key in zip(listed, keys, strict=True))


def _p99(call: Callable[[int], None], times: int) -> float:
    took = []
    for number in range(times):
        began_s = time.perf_counter()
        call(number)
        took.append((time.perf_counter() - began_s) * 1000)
    return sorted(took)[int(times * 0.99)]


def _reads(port: int, members: int, duration_s: float) -> dict[str, float]:
    """Pages, neighbourhoods of members and tops in equal parts, hardly one of the first two asked for twice."""
    chance, targets = random.Random(1), []
    for _ in range(10_000):
        targets += [
            f"/v1/leaderboards/large.all?offset={chance.randrange(members - 20)}&limit=20",
            f"/v1/leaderboards/large.all/around/member{chance.randrange(members)}?span=10",
            "/v1/leaderboards/large.all",
        ]
    with tempfile.NamedTemporaryFile("w", prefix="grandstand-bench-") as file:
        file.write("\n".join(targets))
        file.flush()
        options = {"port": port, "targets": file.name, "rate": READS_PER_S, "duration": duration_s}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "loadtest.http_load", *words]
        loaded: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return loaded


# -- on the wire -----------------------------------------------------------------------------------------------------


def _shown(gateway: GatewayProcess, duration_s: float) -> dict[str, float]:
    """From an event's publishing to the message that has it, at a viewer that watches the board over WebSocket."""
    seen: list[tuple[float, dict[str, Any]]] = []
    with PointsPublisher(gateway.store_url, "wire", CHANNELS, WIRE_MEMBERS, 10_000) as publisher:
        publisher.start(RATE_PER_S)
        time.sleep(WARM_UP_S)
        begin_s = time.monotonic() + 1.0
        asyncio.run(_watch(f"http://127.0.0.1:{gateway.port}", seen, begin_s + duration_s))
        stamps = publisher.stop()
    counts, times_s = [count for count, _ in stamps], [stamp_s for _, stamp_s in stamps]
    late_ms: list[float] = []
    known = [0] * CHANNELS
    for at_s, rows in seen:
        for channel in range(CHANNELS):
            points = rows.get(f"c{channel}", {}).get("points", 0)
            if at_s > begin_s:
                # Event n is in the first step after which more than n had been published.
                numbers = (channel + nth * CHANNELS for nth in range(known[channel], points))
                late_ms += [(at_s - times_s[bisect(counts, number)]) * 1000 for number in numbers]
            known[channel] = max(known[channel], points)
    assert len(late_ms) > RATE_PER_S * duration_s * 0.8, f"{len(late_ms)} events were shown"
    late_ms.sort()
    return {
        "events": len(late_ms),
        "messages": sum(at_s > begin_s for at_s, _ in seen),
        "p50_ms": round(late_ms[len(late_ms) // 2]),
        "p99_ms": round(late_ms[int(len(late_ms) * 0.99)]),
        "max_ms": round(late_ms[-1]),
    }


async def _watch(url: str, seen: list[tuple[float, dict[str, Any]]], end_s: float) -> None:
    """The board's rows after each message, with the time at which it came."""
    viewer = Viewer(url, f"board:{METRIC}.all")
    asyncio.get_running_loop().call_later(end_s - time.monotonic(), viewer.close)
    async with aclosing(viewer.updates()) as updates:
        async for update in updates:
            if update.message is not None:
                seen.append((time.monotonic(), viewer.doc.get("rows", {})))


def _until(condition: Callable[[], bool], timeout_s: float = 240.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition has not come true"
        time.sleep(0.05)


def _check(name: str, value: float, limit: float, at_least: bool = False) -> dict[str, Any]:
    held = value >= limit if at_least else value <= limit
    return {"name": name, "value": round(value, 2), "limit": limit, "passed": held, "at_least": at_least}

"""Boards: events that one aggregator counts a second against the store's ceiling, a board of a million members, event to board.

Store, aggregator, workers and readers share the machine.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from gateway.aggregate.boards.scripts import APPLY
from gateway.model.boards import board_marks_key, element, rank_key, score_key, tally_key
from loadtest.gateway_process import GatewayProcess

EVENTS = 200_000
CHANNELS = 20
MEMBERS = 1_000_000
READS_PER_S = 2000
RATE_PER_S = 5000
DURATION_S = 15.0
READERS = 16
METRICS = 2
BATCH = 500


def run(events: int = EVENTS, members: int = MEMBERS, duration_s: float = DURATION_S) -> dict[str, Any]:
    """`checks` says what was missed."""
    with GatewayProcess(listen__workers=2, aggregate__enabled="false") as gateway:
        store = redis.Redis.from_url(gateway.store_url)
        counted_per_s, store_share = _count(store, gateway.store_url, events)
        ceiling_per_s = _ceiling(store, events // 4)
        _fill(store, members)
        calls = _calls(store, members)
        with _aggregator(gateway.store_url):
            reads = _reads(gateway.port, members, duration_s)
            shown = _shown(store, gateway.store_url, duration_s)
        store.close()
    checks = [
        _check("events counted a second by one aggregator", counted_per_s, 20_000, at_least=True),
        _check(
            "of the ceiling: the same increments, one call an event (ratio)",
            counted_per_s / ceiling_per_s,
            0.5,
            at_least=True,
        ),
        *(_check(f"{name} on {members} members, p99 (ms)", ms, 1.0) for name, ms in calls.items()),
        _check(f"HTTP read at {READS_PER_S}/s, p99 (ms)", reads["p99_ms"], 10.0),
        _check("HTTP reads a second (of those asked for)", reads["per_s"] / READS_PER_S, 0.95, at_least=True),
        _check(f"event to board on the wire at {RATE_PER_S}/s, p99 (ms)", shown["p99_ms"], 2000.0),
    ]
    return {
        "scenario": "boards",
        "events": events,
        "counted_per_s": round(counted_per_s),
        "ceiling_per_s": round(ceiling_per_s),
        "store_busy_share": round(store_share, 2),
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


@contextmanager
def _aggregator(url: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "GRANDSTAND_BUS__URL": url,
        "GRANDSTAND_HISTORY__URL": "none",
        "GRANDSTAND_OBSERVE__LOG_LEVEL": "error",
    }
    process = subprocess.Popen([sys.executable, "-m", "gateway.cli.main", "aggregate"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _count(store: redis.Redis, url: str, events: int) -> tuple[float, float]:
    """Events a second of one aggregator that catches up, and how busy the store was meanwhile."""
    _publish(store, events, "bench")

    def counted() -> int:
        return sum(int(score.split()[0]) for score in store.hvals(score_key("kills.all")))

    with _aggregator(url):
        _until(lambda: counted() > 0)
        first, began_s, cpu_s = counted(), time.monotonic(), _cpu_s(store)
        _until(lambda: counted() == events)
        took_s = time.monotonic() - began_s
        return (events - first) / took_s, (_cpu_s(store) - cpu_s) / took_s


def _cpu_s(store: redis.Redis) -> float:
    info = store.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _ceiling(store: redis.Redis, events: int) -> float:
    """Events a second when each is counted by its own calls, pipelined, with nothing else to be done."""
    script = store.script_load(APPLY)
    scopes = ("all", "day.2026-01-01", "week.2026-W01", "match.0")
    pipeline = store.pipeline(transaction=False)
    began_s = time.monotonic()
    marks = ""
    for number in range(events):
        after = f"1-{number}.00000000"
        for metric in ("kills", "assists")[:METRICS]:
            for scope in scopes:
                board = f"ceiling{metric}.{scope}"
                keys = (rank_key(board), score_key(board), board_marks_key(board), tally_key(board, "match:0"))
                args = (0, "match:0", marks, after, 1, f"p{number % 97}", 1, number)
                pipeline.evalsha(script, 4, *keys, *args)
        marks = after
        if number % BATCH == BATCH - 1:
            pipeline.execute()
    pipeline.execute()
    return events / (time.monotonic() - began_s)


# -- a large board ---------------------------------------------------------------------------------------------------


def _fill(store: redis.Redis, members: int) -> None:
    board, pipeline = "large.all", store.pipeline(transaction=False)
    for number in range(members):
        name, points, reached = f"member{number}", number * 7919 % 100_003, 1_700_000_000_000 + number
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
        args = (0, "match:large", marks[number], marks[number + 1], 1, member, 1, 1_800_000_000_000 + number)
        assert store.evalsha(script, 4, *keys, *args) == [1]

    def top(_number: int) -> None:
        assert len(store.zrange(rank_key(board), 0, 99, withscores=True)) == 100

    def around(number: int) -> None:
        member = f"member{number * 31337 % members}"
        _, reached = store.hget(score_key(board), member).split()  # type: ignore[union-attr]
        rank = store.zrank(rank_key(board), element(member, int(reached)))
        assert store.zrange(rank_key(board), max(0, rank - 10), rank + 10)

    return {name: _p99(call, times) for name, call in (("update", update), ("top 100", top), ("around", around))}


def _p99(call: Callable[[int], None], times: int) -> float:
    took = []
    for number in range(times):
        began_s = time.perf_counter()
        call(number)
        took.append((time.perf_counter() - began_s) * 1000)
    return sorted(took)[int(times * 0.99)]


def _reads(port: int, members: int, duration_s: float) -> dict[str, float]:
    """Pages, neighbourhoods and tops at a steady rate, over kept-alive connections; late answers count from when they were due."""
    targets = [f"/v1/leaderboards/large.all?offset={number * 37 % 9000}&limit=20" for number in range(300)]
    targets += [f"/v1/leaderboards/large.all/around/member{number * 331 % members}?span=10" for number in range(300)]
    targets += ["/v1/leaderboards/large.all"] * 300
    took: list[list[float]] = [[] for _ in range(READERS)]
    begin_s = time.perf_counter() + 0.5

    def read(index: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock, sock.makefile("rb") as answers:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = index
            while (due_s := begin_s + number / READS_PER_S) < begin_s + duration_s:
                time.sleep(max(0.0, due_s - time.perf_counter()))
                target = targets[number * 7 % len(targets)]
                sock.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
                assert b" 200 " in answers.readline()
                length = 0
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                answers.read(length)
                took[index].append((time.perf_counter() - due_s) * 1000)
                number += READERS

    threads = [threading.Thread(target=read, args=(index,)) for index in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    all_ms = sorted(ms for some in took for ms in some)
    seconds = max(duration_s, time.perf_counter() - begin_s)
    return {
        "per_s": round(len(all_ms) / seconds, 1),
        "p50_ms": round(all_ms[len(all_ms) // 2], 2),
        "p99_ms": round(all_ms[int(len(all_ms) * 0.99)], 2),
    }


# -- on the wire -----------------------------------------------------------------------------------------------------


def _shown(store: redis.Redis, url: str, duration_s: float) -> dict[str, float]:
    """From an event's publishing to the board's entry that has it, read by a blocking reader."""
    published: list[float] = []
    stop = threading.Event()

    def publish() -> None:
        client = redis.Redis.from_url(url)
        begin_s, number, step = time.perf_counter(), 0, RATE_PER_S // 50
        while not stop.is_set():
            pipeline = client.pipeline(transaction=False)
            for _ in range(step):
                event = json.dumps(
                    {"op": "play", "patch": {}, "points": {"wire": {"counter": 1, f"p{number % 50}": 1}}}
                )
                stamp = str(time.time_ns() // 1_000_000)
                pipeline.xadd(f"live:{{match:wire{number % CHANNELS}}}", {"t": stamp, "e": event}, id="1-*")
                published.append(time.perf_counter())
                number += 1
            pipeline.execute()
            time.sleep(max(0.0, begin_s + number / RATE_PER_S - time.perf_counter()))
        client.close()

    thread = threading.Thread(target=publish)
    thread.start()
    late_ms: list[float] = []
    last, seen, begin_s = "0-0", 0, time.perf_counter()
    while time.perf_counter() - begin_s < duration_s + 5:
        answer: Any = store.xread({"live:{board:wire.all}": last}, block=200)
        for _, rows in answer or []:
            for entry_id, fields in rows:
                last = entry_id
                event = json.loads(fields[b"e"])
                part = event.get("state") or event.get("patch") or {}
                points = part.get("rows", {}).get("counter", {}).get("points")
                if isinstance(points, int):
                    now_s = time.perf_counter()
                    if now_s - begin_s > 5:
                        late_ms += [(now_s - published[n]) * 1000 for n in range(seen, min(points, len(published)))]
                    seen = max(seen, points)
    stop.set()
    thread.join()
    late_ms.sort()
    assert late_ms, "the board was never shown"
    return {
        "events": len(late_ms),
        "p50_ms": round(late_ms[len(late_ms) // 2]),
        "p99_ms": round(late_ms[int(len(late_ms) * 0.99)]),
    }


def _until(condition: Callable[[], bool], timeout_s: float = 240.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition has not come true"
        time.sleep(0.05)


def _check(name: str, value: float, limit: float, at_least: bool = False) -> dict[str, Any]:
    held = value >= limit if at_least else value <= limit
    return {"name": name, "value": round(value, 2), "limit": limit, "passed": held, "at_least": at_least}

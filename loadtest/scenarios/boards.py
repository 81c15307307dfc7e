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
from urllib.parse import quote

import redis
from hiredis import Reader, pack_command

from gateway.aggregate.boards.ledger import pack
from gateway.aggregate.boards.scripts import APPLY
from gateway.bus.board_reader import FOUND_AT_ONCE
from gateway.client import Viewer
from gateway.history.embedded import EmbeddedPostgres
from gateway.model.boards import (
    FOUND_KEY,
    NAMES_KEY,
    STAMP_CHARS,
    board_marks_key,
    element,
    rank_key,
    score_key,
    sort_key,
    tally_key,
)
from gateway.model.finding import elements
from loadtest.aggregator_process import aggregator, entries_stored
from loadtest.gateway_process import GatewayProcess, cpu_s
from loadtest.points_publisher import METRIC, PointsPublisher
from loadtest.scenarios.checks import loop_held

EVENTS = 400_000
CHANNELS = 20
MEMBERS = 1_000_000
READS_PER_S = 2000
SEARCHES_PER_S = 200
RATE_PER_S = 5000
DURATION_S = 15.0
WARM_UP_S = 5.0
WIRE_MEMBERS = 50
METRICS = 2
BATCH = 500
PLAYERS = 97
SCOPES = ("all", "day.2026-01-01", "week.2026-W01", "match.0")
KIND_SCOPES = ("region.eu", "hero.h", "weapon.w", "cup")
KINDS = """
[boards.kinds.region]
path = "/region"
[boards.kinds.hero]
path = "/players/*/hero"
[boards.kinds.weapon]
field = "weapon"
[boards.kinds.cup]
begins = 2026-01-01T00:00:00Z
"""
"""One of each sort: a place in the document, one by member, a field of the event, a window."""


def run(events: int = EVENTS, members: int = MEMBERS, duration_s: float = DURATION_S) -> dict[str, Any]:
    """`checks` says what was missed."""
    with GatewayProcess(listen__workers=2, aggregate__enabled="false") as gateway:
        store = redis.Redis.from_url(gateway.store_url)
        with_kinds = _count(store, gateway.store_url, events // 2, KINDS)
        kinds_ceiling_per_s = _ceiling(store, gateway.store_url, events // 8, SCOPES + KIND_SCOPES)
        store.flushall()
        counting = _count(store, gateway.store_url, events)
        ceiling_per_s = _ceiling(store, gateway.store_url, events // 4, SCOPES)
        _fill(store, members)
        # The store writes its log anew after so much growth, with a core of its own: that is not what is measured here.
        _until(lambda: not store.info("persistence")["aof_rewrite_in_progress"])
        calls = _calls(store, members)
        disordered = _disordered(store)
        with aggregator(gateway.store_url):
            # The aggregator's start and the workers' first connections to the store are over after this.
            _reads(gateway.port, _pages(members), READS_PER_S, WARM_UP_S)
            before = gateway.metrics()
            reads = _reads(gateway.port, _pages(members), READS_PER_S, duration_s)
            searches = _reads(gateway.port, _searches(members), SEARCHES_PER_S, duration_s)
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
        _check("events a second with four further kinds of boards", with_kinds["per_s"], 10_000, at_least=True),
        _check(
            "of the store's ceiling for the same events and boards (ratio)",
            with_kinds["per_s"] / kinds_ceiling_per_s,
            0.5,
            at_least=True,
        ),
        *(_check(f"{name} on {members} members, p99 (ms)", ms, 1.0) for name, ms in calls.items()),
        _check("members of that board out of order", disordered, 0),
        _check(f"HTTP read at {READS_PER_S}/s, p99 (ms)", reads["p99_ms"], 10.0),
        _check("HTTP reads a second (of those asked for)", reads["per_s"] / READS_PER_S, 0.95, at_least=True),
        _check(f"HTTP search at {SEARCHES_PER_S}/s, p99 (ms)", searches["p99_ms"], 20.0),
        _check(f"event to board on the wire at {RATE_PER_S}/s, p99 (ms)", shown["p99_ms"], 2000.0),
        loop_held(before, after),
    ]
    return {
        "scenario": "boards",
        "events": events,
        "counting": counting,
        "ceiling_per_s": round(ceiling_per_s),
        "with_kinds": with_kinds,
        "kinds_ceiling_per_s": round(kinds_ceiling_per_s),
        "members": members,
        "calls_p99_ms": {name: round(ms, 3) for name, ms in calls.items()},
        "http": reads,
        "searches": searches,
        "shown": shown,
        "checks": checks,
    }


# -- counting --------------------------------------------------------------------------------------------------------


def _event(number: int) -> bytes:
    player = number % PLAYERS
    points = {metric: {f"p{player}": 1} for metric in ("kills", "assists")[:METRICS]}
    event = {"op": "play", "actor": f"p{player}", "weapon": f"w{player % 8}", "patch": {}, "points": points}
    if number < CHANNELS:
        # A channel's first.
        heroes = {f"p{one}": {"hero": f"h{one % 12}"} for one in range(PLAYERS)}
        event["patch"] = {"region": "eu", "players": heroes}
    return json.dumps(event).encode()


def _publish(store: redis.Redis, events: int, prefix: str) -> None:
    pipeline = store.pipeline(transaction=False)
    for number in range(events):
        fields = {"t": str(time.time_ns() // 1_000_000), "e": _event(number)}
        pipeline.xadd(f"live:{{match:{prefix}{number % CHANNELS}}}", fields, id="1-*")
        if number % 5000 == 4999:
            pipeline.execute()
    pipeline.execute()


def _count(store: redis.Redis, url: str, events: int, settings: str = "") -> dict[str, float]:
    """One aggregator that catches up with all that is published: how many events a second are on boards and in the history."""
    _publish(store, events, "bench")

    def counted() -> int:
        return sum(int(score.split()[0]) for score in store.hvals(score_key("kills.all")))

    with tempfile.TemporaryDirectory(prefix="grandstand-bench-") as directory:
        file = Path(directory, "settings.toml")
        file.write_text(settings)
        postgres = EmbeddedPostgres(Path(directory))
        asyncio.run(postgres.start())
        try:
            with aggregator(url, postgres.url, file) as process:
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


def _ceiling(store: redis.Redis, url: str, events: int, scopes: tuple[str, ...]) -> float:
    """Events a second of a plain client: for each its calls of the script, for each batch its reading, twice; nothing else is done.

    All is packed before the clock starts; answers are parsed.
    """
    sha = store.script_load(APPLY)
    batches, mark = [], ""
    for start in range(0, events, BATCH):
        packed = []
        for number in range(start, start + BATCH):
            after = f"1-{number}.00000000"
            tally = pack({f"p{number % PLAYERS}": (1, number)})
            for metric in ("kills", "assists")[:METRICS]:
                for scope in scopes:
                    board = f"ceiling{metric}.{scope}"
                    keys = (rank_key(board), score_key(board), board_marks_key(board), tally_key(board, "match:0"))
                    packed.append(pack_command(("EVALSHA", sha, 4, *keys, 0, "", "match:0", mark, after, tally)))
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
    _name(store, members)


def _name(store: redis.Redis, members: int) -> None:
    """Every second member has a name of two words, as it is indexed by aggregators."""
    for start in range(0, members, 1000):
        named = {f"member{number}": _called(number) for number in range(start, min(start + 1000, members))}
        store.hset(NAMES_KEY, mapping={member: name for member, name in named.items() if name})
        store.zadd(FOUND_KEY, {place: 0 for member, name in named.items() for place in elements(member, name)})


def _called(number: int) -> str:
    return f"Mark {number % 1000} Baker{number}" if number % 2 else ""


def _calls(store: redis.Redis, members: int, times: int = 5000) -> dict[str, float]:
    """p99 in ms of single calls, the way to the store and back included."""
    board = "large.all"
    script = store.script_load(APPLY)
    keys = (rank_key(board), score_key(board), board_marks_key(board), tally_key(board, "match:large"))
    marks = [f"1-{number}.00000000" for number in range(times + 1)]

    def update(number: int) -> None:
        member = f"member{number * 9973 % members}"
        tally = pack({member: (1, 1_800_000_000_000 + number)})
        args = (0, "", "match:large", marks[number], marks[number + 1], tally)
        assert store.evalsha(script, 4, *keys, *args) == [1]

    def top(_number: int) -> None:
        assert len(store.zrange(rank_key(board), 0, 99, withscores=True)) == 100

    def around(number: int) -> None:
        member = f"member{number * 31337 % members}"
        _, reached = store.hget(score_key(board), member).split()  # type: ignore[union-attr]
        rank = store.zrank(rank_key(board), element(member, int(reached)))
        assert store.zrange(rank_key(board), max(0, rank - 10), rank + 10)

    def search(number: int) -> None:
        # Each of these has a thousand or more after it.
        begin = f"baker{number * 31337 % members + 10}"[:7].encode()
        assert store.zrange(FOUND_KEY, b"[" + begin, b"[" + begin + b"\xff", bylex=True, offset=0, num=FOUND_AT_ONCE)  # type: ignore[arg-type]

    calls = (("update", update), ("top 100", top), ("around", around), ("search", search))
    return {name: _p99(call, times) for name, call in calls}


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


def _pages(members: int) -> list[str]:
    """Pages, neighbourhoods of members and tops in equal parts, hardly one of the first two asked for twice."""
    chance, targets = random.Random(1), []
    for _ in range(10_000):
        targets += [
            f"/v1/leaderboards/large.all?offset={chance.randrange(members - 20)}&limit=20",
            f"/v1/leaderboards/large.all/around/member{chance.randrange(members)}?span=10",
            "/v1/leaderboards/large.all",
        ]
    return targets


def _searches(members: int) -> list[str]:
    """What somebody types, sign by sign: the beginning of an id or of a name's word; there may be one or half a million."""
    chance, targets = random.Random(2), []
    for _ in range(5_000):
        number = chance.randrange(members)
        wanted = chance.choice((f"member{number}", f"baker{number}", f"mark {number % 1000}"))
        targets.append(f"/v1/leaderboards/large.all/search?q={quote(wanted[: chance.randint(3, len(wanted))])}")
    return targets


def _reads(port: int, targets: list[str], rate_per_s: int, duration_s: float) -> dict[str, float]:
    """Asks for these in turn."""
    with tempfile.NamedTemporaryFile("w", prefix="grandstand-bench-") as file:
        file.write("\n".join(targets))
        file.flush()
        options = {"port": port, "targets": file.name, "rate": rate_per_s, "duration": duration_s}
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

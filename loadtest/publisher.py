"""A process that publishes as game servers do, by XADD, at a mean rate over any number of channels.

The gaps between events vary (seeded): evenly spaced ones would stay in step with the gateway's pace.
Each event carries `sent_us`, the moment of its XADD; viewers of the swarm measure from it.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import msgspec
import redis

STEP_S = 0.002
SEED = 42
OPENING_BATCH = 500
ANSWER_TIMEOUT_S = 120.0
EVENTS_KEY = "events"
"""The one stream of all channels, for servers that read none of the gateway's."""
STATE = {
    "game": "arena",
    "status": "live",
    "clock": {"t_ms": 0, "running": True},
    "teams": {"red": {"name": "Red", "score": 0, "order": 0}, "blue": {"name": "Blue", "score": 0, "order": 1}},
    "players": {
        f"p{n}": {"name": f"Player {n}", "team": "red" if n < 5 else "blue", "kills": 0, "deaths": 0, "assists": 0}
        for n in range(10)
    },
    "objectives": {},
}


class Publisher:
    """The parent's hold on the process.

    Args:
        url: the store.
        channels: match:0 … match:channels-1.
        one_stream: all events go into one stream, EVENTS_KEY, with their channel in the field `c`.
    """

    def __init__(self, url: str, channels: int, one_stream: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe: Connection
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, url, channels, one_stream), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()

    def start(self, events_per_s: float, pad_bytes: int = 0) -> None:
        """Begins, or changes the rate; in all, not for each channel. `pad_bytes` make events larger."""
        self._pipe.send((events_per_s, pad_bytes))
        self._answer()

    def stop(self) -> dict[str, Any]:
        """Stops; events published and the longest time that one was late, since `start`."""
        self._pipe.send((0.0, 0))
        told: dict[str, Any] = self._answer()
        return told

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()
        self._pipe.close()

    def _answer(self) -> Any:
        if not self._pipe.poll(ANSWER_TIMEOUT_S):
            raise RuntimeError("the publisher does not answer")
        return self._pipe.recv()


def _run(pipe: Connection, url: str, channels: int, one_stream: bool) -> None:
    store = redis.Redis.from_url(url)
    epochs = [] if one_stream else _open(store, channels)
    pipe.send("open")
    draw = random.Random(SEED)
    rate, due_s, published, number, late_s = 0.0, 0.0, 0, 0, 0.0
    padding: dict[str, str] = {}
    while True:
        if pipe.poll(None if rate == 0 else 0):
            try:
                rate, pad_bytes = pipe.recv()
                padding = {"note": "x" * pad_bytes} if pad_bytes else {}
            except EOFError:
                return
            pipe.send({"published": published, "late_max_ms": round(late_s * 1000, 1)})
            due_s, published, late_s = time.monotonic(), 0, 0.0
            continue
        now_s = time.monotonic()
        count = 0
        batch = store.pipeline(transaction=False)
        while due_s <= now_s:
            late_s = max(late_s, now_s - due_s)
            channel = number % channels
            stamp_us = time.time_ns() // 1000
            event = {
                "op": "score",
                "team": "red" if number % 3 else "blue",
                "player": "p0",
                "sent_us": stamp_us,
                **padding,
            }
            encoded = msgspec.json.encode(event)
            if one_stream:
                batch.xadd(EVENTS_KEY, {"c": f"match:{channel}", "e": encoded}, maxlen=10_000)
            else:
                fields = {"t": stamp_us // 1000, "e": encoded}
                batch.xadd(f"live:{{match:{channel}}}", fields, id=f"{epochs[channel]}-*")  # type: ignore[arg-type]
            due_s += draw.uniform(0.2, 1.8) / rate
            number += 1
            count += 1
        if count:
            batch.execute()
            published += count
        time.sleep(STEP_S)


def _open(store: redis.Redis, channels: int) -> list[int]:
    """A new epoch of every channel."""
    epochs: list[int] = []
    for first in range(0, channels, OPENING_BATCH):
        numbers = range(first, min(channels, first + OPENING_BATCH))
        batch = store.pipeline(transaction=False)
        for number in numbers:
            batch.incr(f"epoch:{{match:{number}}}")
        opened = batch.execute()
        for number, epoch in zip(numbers, opened, strict=True):
            event = {"op": "reset", "rules": "scoreboard", "state": {"title": f"Match {number}", **STATE}}
            fields = {"t": time.time_ns() // 1_000_000, "e": msgspec.json.encode(event)}
            batch.xadd(f"live:{{match:{number}}}", fields, id=f"{epoch}-*")  # type: ignore[arg-type]
        batch.execute()
        epochs += opened
    return epochs

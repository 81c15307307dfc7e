"""Connects and disconnects of every kind against one worker, and the slope of what it holds: descriptors, objects, memory.

Kinds: a clean close, a reset, a connection that says nothing, half a request, half a frame. Blocking sockets in processes of
their own, a window of each kind open at any time.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import socket
import statistics
import struct
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from loadtest.gateway_process import GatewayProcess
from loadtest.memory import private_bytes
from loadtest.publisher import Publisher
from loadtest.scenarios.checks import at_most, loop_held

COUNT = 1_000_000
PROCESSES = 2
STEPS = 20
WINDOW = 32
SETTLE_TIMEOUT_S = 60.0
BYTES_PER_CONNECTION_MAX = 1.0
BYTES_MIN = 2 << 20
"""Growth that says nothing yet: arenas of the heap, the channel's own ring."""
SOURCES = 40
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    "GET /v1/live?channel=match:0 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
HALF_FRAME = b"\x81\xfe\x04\x00\0\0\0\0half of what was promised"
RESET = struct.pack("ii", 1, 0)

Kind = Callable[[socket.socket], None]


def _upgraded(sock: socket.socket) -> None:
    sock.sendall(REQUEST)
    got = b""
    while b"\r\n\r\n" not in got:
        data = sock.recv(4096)
        if not data:
            raise RuntimeError(f"refused: {got[:200]!r}")
        got += data
    if not got.startswith(b"HTTP/1.1 101 "):
        raise RuntimeError(f"refused: {got[:200]!r}")


def clean(sock: socket.socket) -> None:
    """Opens, says goodbye, waits for the answer and the end."""
    _upgraded(sock)
    sock.sendall(CLOSE)
    while sock.recv(4096):
        pass


def reset(sock: socket.socket) -> None:
    """Opens and is gone."""
    _upgraded(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def silent(_sock: socket.socket) -> None:
    """Says nothing."""


def half_request(sock: socket.socket) -> None:
    """Is gone in the middle of its request."""
    sock.sendall(REQUEST[: len(REQUEST) // 2])


def half_frame(sock: socket.socket) -> None:
    """Is gone in the middle of a frame."""
    _upgraded(sock)
    sock.sendall(HALF_FRAME)


KINDS: tuple[Kind, ...] = (clean, reset, silent, half_request, half_frame)


def run(count: int = COUNT, processes: int = PROCESSES, steps: int = STEPS) -> dict[str, Any]:
    """`count` connections in all; `checks` says what did not come back to where it was."""
    samples: list[dict[str, float]] = []
    with GatewayProcess(listen__workers=1) as gateway, Publisher(gateway.store_url, 1) as publisher:
        publisher.start(2.0)
        # What the first ones make for good (buffers, caches, the channel) is not a leak.
        _cycle(gateway.port, max(200, count // steps), processes, 0)
        samples.append(_sample(gateway))
        before = gateway.metrics()
        begun = time.monotonic()
        done = 0
        for step in range(1, steps + 1):
            share = count * step // steps - done
            _cycle(gateway.port, share, processes, step)
            done += share
            samples.append({"connections": done, **_sample(gateway)})
        took_s = time.monotonic() - begun
        after = gateway.metrics()
        publisher.stop()
    samples[0]["connections"] = 0
    # The channel's own ring fills meanwhile, so memory is judged by the slope of the second half.
    second = samples[len(samples) // 2 :]
    grown = second[-1]["bytes"] - second[0]["bytes"]
    slope = statistics.linear_regression([s["connections"] for s in second], [s["bytes"] for s in second]).slope
    checks = [
        # A connection to the store may be made while the first step runs.
        at_most(
            "descriptors more than after the first step", samples[-1]["descriptors"] - samples[1]["descriptors"], 0
        ),
        at_most("native connections left", samples[-1]["native_connections"], 0),
        at_most("native buffers left", samples[-1]["native_buffers"], 0),
        at_most("native subscriptions left", samples[-1]["native_subscriptions"], 0),
        {
            "name": "bytes a connection, slope of the second half",
            "value": round(slope, 3),
            "limit": BYTES_PER_CONNECTION_MAX,
            "passed": slope <= BYTES_PER_CONNECTION_MAX or grown <= BYTES_MIN,
        },
        loop_held(before, after),
    ]
    return {
        "scenario": "churn",
        "connections": count,
        "per_s": round(count / took_s),
        "kinds": [kind.__name__ for kind in KINDS],
        "samples": samples,
        "checks": checks,
    }


def _cycle(port: int, count: int, processes: int, seed: int) -> None:
    """Lets so many connections come and go."""
    context = multiprocessing.get_context("fork")
    running = []
    for index in range(processes):
        ours, theirs = context.Pipe(duplex=False)
        share = count // processes + (index < count % processes)
        process = context.Process(target=_come_and_go, args=(theirs, port, share, seed * processes + index))
        process.start()
        theirs.close()
        running.append((process, ours))
    for process, pipe in running:
        try:
            failure = pipe.recv()
        except EOFError:
            failure = "the process has ended"
        process.join()
        pipe.close()
        if failure:
            raise RuntimeError(failure)


def _come_and_go(pipe: Connection, port: int, count: int, seed: int) -> None:
    draw = random.Random(seed)
    sources = itertools.cycle(f"127.0.{2 + seed % 200}.{n}" for n in range(1, SOURCES + 1))
    window: deque[socket.socket] = deque()
    try:
        for _ in range(count):
            sock = socket.socket()
            sock.settimeout(30)
            sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            sock.bind((next(sources), 0))
            sock.connect(("127.0.0.1", port))
            draw.choice(KINDS)(sock)
            window.append(sock)
            if len(window) > WINDOW:
                window.popleft().close()
        for sock in window:
            sock.close()
        pipe.send("")
    except (OSError, RuntimeError) as error:
        pipe.send(f"{type(error).__name__}: {error}")


def _sample(gateway: GatewayProcess) -> dict[str, float]:
    """What the worker holds once the last one is gone."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while True:
        (worker,) = _workers(gateway)
        native = worker["native"]
        if native["connections"] == 0 or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    pid = gateway.pids[0]
    return {
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "bytes": private_bytes(pid),
        **{f"native_{name}": value for name, value in native.items()},
    }


def _workers(gateway: GatewayProcess) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{gateway.admin}/admin/v1/workers", timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def count_wanted() -> int:
    """As many as $CHURN says."""
    return int(os.environ.get("CHURN") or COUNT)

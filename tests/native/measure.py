"""Measures bytes per parked viewer, and the CPU of Fanout per delivered frame against the floor over the same sockets.

Usage: python -m tests.native.measure [viewers=10000] [rounds=20]; prints one JSON object. Viewers are a child process.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import statistics
import sys
import time
from array import array
from pathlib import Path

from native.connections import WS, Table
from native.fanout import Fanout
from native.floor import send_all
from native.frames import ws_frame

HEAD = b"GET / HTTP/1.1\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
PAYLOAD = b"x" * 200


def private_bytes() -> int:
    text = Path("/proc/self/smaps_rollup").read_text()
    return int(text.split("Private_Dirty:")[1].split()[0]) * 1024


def descriptors() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd")}


def watch(address: tuple[str, int], viewers: int, orders: int, done: int) -> None:
    """The child: connects all, then empties every socket whenever it is told to."""
    socks = []
    for _ in range(viewers):
        sock = socket.create_connection(address)
        sock.sendall(HEAD)
        sock.setblocking(False)
        socks.append(sock)
    os.write(done, b"1")
    while os.read(orders, 1):
        for sock in socks:
            try:
                while sock.recv(65536):
                    pass
            except BlockingIOError:
                continue
        os.write(done, b"1")


def main(viewers: int, rounds: int) -> dict[str, object]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    (orders, order), (done, tell) = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(order)
        watch(listener.getsockname(), viewers, orders, tell)
        os._exit(0)
    table = Table(viewers)
    fanout, group = Fanout(table), table.group_new()
    gc.collect()
    before_bytes, before = private_bytes(), descriptors()
    table.listen(listener.fileno(), 0)
    while table.group_size(group) < viewers:
        select.select([table.fileno()], [], [], 1)
        for event in table.poll():
            if event[0] == "head":
                table.upgrade(event[1], WS, SWITCH)
                table.subscribe(event[1], group, 1)
    gc.collect()
    per_viewer = (private_bytes() - before_bytes) / viewers
    os.read(done, 1)
    fds = array("i", sorted(descriptors() - before)[:viewers])
    frame = ws_frame(PAYLOAD, False)
    data = bytes(frame)
    cpu_us: dict[str, list[float]] = {"floor": [], "fanout": []}
    slices_ms: list[float] = []
    flush = 1
    for turn in range(rounds * 2):
        os.write(order, b"d")
        os.read(done, 1)
        which = ("floor", "fanout", "fanout", "floor")[turn % 4]
        began = time.thread_time()
        if which == "floor":
            send_all(fds, data)
        else:
            fanout.start(group, frame, flush, flush + 1)
            flush += 1
            more = True
            while more:
                slice_began = time.perf_counter()
                more = fanout.run(2000)
                slices_ms.append((time.perf_counter() - slice_began) * 1000)
        cpu_us[which].append((time.thread_time() - began) / viewers * 1e6)
    os.close(order)
    table.close_all()
    table.group_free(group)
    floor, own = (statistics.median(cpu_us[name]) for name in ("floor", "fanout"))
    return {
        "viewers": viewers,
        "user_bytes_per_parked_viewer": round(per_viewer, 1),
        "floor_us_per_frame": round(floor, 3),
        "fanout_us_per_frame": round(own, 3),
        "ratio": round(own / floor, 3),
        "longest_slice_ms": round(max(slices_ms), 2),
    }


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    print(json.dumps(main(*(numbers + [10_000, 20][len(numbers) :]))))

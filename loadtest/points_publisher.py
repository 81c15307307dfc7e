"""A process that publishes events with points at a steady rate, over one plain connection, and remembers when it did.

Event n goes to channel n modulo channels; its points are one for that channel's own member (`c0`, `c1` …), whose points on a
board therefore say which events are counted, and one for one of many players.
"""

from __future__ import annotations

import multiprocessing
import socket
import time
from multiprocessing.connection import Connection
from types import TracebackType

from hiredis import Reader, pack_command

METRIC = "wire"
STEP_S = 0.01
ANSWER_TIMEOUT_S = 60.0

Stamps = list[tuple[int, float]]
"""How many events had been published, and the monotonic clock just before those of this step were."""


class PointsPublisher:
    """The parent's hold on the process.

    Args:
        url: the store, unix://.
        prefix: channels are match:{prefix}0, match:{prefix}1 …
        members: players.
        kept: entries that each stream keeps, about.
    """

    def __init__(self, url: str, prefix: str, channels: int, members: int, kept: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe: Connection
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, url.removeprefix("unix://"), prefix, channels, members, kept)
        self._process = context.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def start(self, events_per_s: float) -> None:
        """Begins, or changes the rate."""
        self._pipe.send(events_per_s)
        self._answer()

    def stop(self) -> Stamps:
        """Stops; when each event was published."""
        self._pipe.send(0.0)
        return self._answer()

    def __enter__(self) -> PointsPublisher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()
        self._pipe.close()

    def _answer(self) -> Stamps:
        if not self._pipe.poll(ANSWER_TIMEOUT_S):
            raise RuntimeError("the publisher does not answer")
        stamps: Stamps = self._pipe.recv()
        return stamps


def _run(pipe: Connection, path: str, prefix: str, channels: int, members: int, kept: int) -> None:
    keys = [f"live:{{match:{prefix}{channel}}}" for channel in range(channels)]
    events = [
        b'{"op":"play","actor":"p%d","patch":{"players":{"p%d":{"at":%d}}},"points":{"%s":{"c%d":1,"p%d":1}}}'
        % (n % members, n % members, n % 1000, METRIC.encode(), n % channels, n % members)
        for n in range(channels * members)
    ]
    rate, due_s, number = 0.0, 0.0, 0
    stamps: Stamps = []
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        answers = Reader()
        while True:
            if pipe.poll(None if rate == 0 else 0):
                try:
                    rate = pipe.recv()
                except EOFError:
                    return
                pipe.send(stamps)
                due_s, stamps = time.monotonic(), []
                continue
            now_s, stamp = time.monotonic(), str(time.time_ns() // 1_000_000)
            count = max(0, int((now_s - due_s) * rate))
            due_s += count / rate
            packed = [
                pack_command(
                    ("XADD", keys[n % channels], "MAXLEN", "~", kept, "1-*", "t", stamp, "e", events[n % len(events)])
                )
                for n in range(number, number + count)
            ]
            number += count
            stamps.append((number, time.monotonic()))
            sock.sendall(b"".join(packed))
            while count:
                answers.feed(sock.recv(1 << 18))
                while answers.gets() is not False:
                    count -= 1
            time.sleep(STEP_S)

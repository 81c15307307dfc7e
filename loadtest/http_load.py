"""`python -m loadtest.http_load`: asks for pages at a steady rate over kept-alive connections; prints what it took as JSON.

Open loop: a request counts from the moment at which it was due, whether or not a connection was free then. One process, one
thread, no Python object for an answer but its bytes, so that it is not what is measured.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
GIVE_UP_S = 10.0


class _Connection:
    """One connection and the request that it is busy with."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due_s = 0.0
        self.answer = b""

    def complete(self) -> bool:
        """Whether the whole answer has come."""
        end = self.answer.find(HEAD_END)
        if end < 0:
            return False
        length = LENGTH.search(self.answer, 0, end + 2)
        return len(self.answer) >= end + len(HEAD_END) + (int(length[1]) if length is not None else 0)


def load(port: int, targets: list[str], rate_per_s: float, duration_s: float, connections: int) -> dict[str, Any]:
    """Asks for the targets one after the other.

    Returns:
        Answers a second, percentiles in ms, and how many were not 200 or 304.
    """
    requests = [f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode() for target in targets]
    poll = select.epoll()
    by_fd = {}
    for _ in range(connections):
        connection = _Connection(port)
        by_fd[connection.sock.fileno()] = connection
        poll.register(connection.sock, select.EPOLLIN)
    free = deque(by_fd.values())
    took_s: list[float] = []
    bad = asked = answered = 0
    total = int(rate_per_s * duration_s)
    begin_s = time.perf_counter()
    while answered < total and time.perf_counter() - begin_s < duration_s + GIVE_UP_S:
        now_s = time.perf_counter()
        while free and asked < total and (due_s := begin_s + asked / rate_per_s) <= now_s:
            connection = free.popleft()
            connection.due_s, connection.answer = due_s, b""
            connection.sock.sendall(requests[asked % len(requests)])
            asked += 1
        next_s = begin_s + asked / rate_per_s - time.perf_counter() if free and asked < total else 1.0
        for fd, _ in poll.poll(max(0.0, next_s)):
            connection = by_fd[fd]
            received = connection.sock.recv(1 << 18)
            if not received:
                raise ConnectionError("the server has closed a connection")
            connection.answer += received
            if connection.complete():
                took_s.append(time.perf_counter() - connection.due_s)
                bad += connection.answer[9:12] not in (b"200", b"304")
                answered += 1
                free.append(connection)
    spent_s = time.perf_counter() - begin_s
    for connection in by_fd.values():
        connection.sock.close()
    took_s.sort()
    return {
        "per_s": round(answered / max(spent_s, duration_s), 1),
        "bad": bad + total - answered,
        **{
            f"p{name}_ms": round(took_s[int(len(took_s) * share)] * 1000, 2)
            for name, share in (("50", 0.5), ("90", 0.9), ("99", 0.99), ("999", 0.999))
        },
        "max_ms": round(took_s[-1] * 1000, 2),
    }


def main(argv: list[str] | None = None) -> int:
    """Loads and prints."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.http_load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--targets", type=Path, required=True, help="a file with one target a line")
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("--duration", type=float, default=15.0)
    parser.add_argument("--connections", type=int, default=64)
    asked = parser.parse_args(argv)
    targets = asked.targets.read_text().split()
    print(json.dumps(load(asked.port, targets, asked.rate, asked.duration, asked.connections)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Ports for servers that cannot choose one and say which, and for what nobody listens on."""

from __future__ import annotations

import random
import socket

PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections: a port that is free now is not taken by one in the next moment."""

_draw = random.SystemRandom()
_given: set[int] = set()
"""A port may be given long before its server binds it."""


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    while True:
        port = _draw.choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port

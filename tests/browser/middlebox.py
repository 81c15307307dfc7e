"""A proxy of the kind that stands between offices and the world: it refuses WebSockets, or swallows event streams."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from tests.faults.proxy import Proxy

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Middlebox(Proxy):
    """Forwards what it does not block.

    Attributes:
        blocked: of "websocket" (refused) and "stream" (swallowed: no answer ever comes).
    """

    def __init__(self, target: int, blocked: set[str]) -> None:
        self.blocked = blocked
        super().__init__(target)

    def _begin(self, near: socket.socket, far: socket.socket) -> None:
        self._start(self._pump_requests, near, far)
        self._start(self._pump, far, near)

    def _pump_requests(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                head = data.lower()
                if "websocket" in self.blocked and b"upgrade: websocket" in head:
                    near.sendall(FORBIDDEN)
                    break
                if "stream" in self.blocked and b"/stream" in head.partition(b"\r\n")[0]:
                    self._swallow(near)
                    break
                if near not in self._swallowed:
                    far.sendall(data)
        if near in self._swallowed:
            return
        for sock in (near, far):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _swallow(near: socket.socket) -> None:
        while near.recv(65536):
            pass


@contextlib.contextmanager
def middlebox(target: int, *blocked: str) -> Iterator[Middlebox]:
    """A running proxy that blocks these."""
    one = Middlebox(target, set(blocked))
    try:
        yield one
    finally:
        one.close()


__all__ = ["Middlebox", "middlebox"]

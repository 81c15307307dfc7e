"""A TCP proxy that is between two real peers: its target can be changed, its connections cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """Forwards from its own port to a target on 127.0.0.1."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._swallowed: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self._pairs.append((near, far))
            self._begin(near, far)

    def _begin(self, near: socket.socket, far: socket.socket) -> None:
        self._start(self._pump, near, far)
        self._start(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source not in self._swallowed:
                    sink.sendall(data)
        if source in self._swallowed:
            return
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def switch(self, target: int) -> None:
        """Sends new connections to another port and cuts those that are open."""
        self.target = target
        self.cut()

    def swallow(self) -> None:
        """From now on nothing gets through the open connections, and neither end is told."""
        self._swallowed.update(sock for pair in self._pairs for sock in pair)

    def cut(self) -> None:
        """Ends every open connection."""
        for pair in self._pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for pair in self._pairs:
            for sock in pair:
                sock.close()


@contextlib.contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """A running proxy."""
    one = Proxy(target)
    try:
        yield one
    finally:
        one.close()

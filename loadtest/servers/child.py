"""A server under measurement as a child process: its pipe, its processor time and its memory; the parent's side too.

A server offers `accept_viewers()` and `flush(how, number)`; it is told what to do and never decides.
"""

from __future__ import annotations

import multiprocessing
import resource
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

ANSWER_TIMEOUT_S = 120.0


class ServerFailed(Exception):
    """The child died or refused."""


def raise_descriptor_limit() -> None:
    """As many descriptors as the machine lets a process have."""
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


class Server:
    """The parent's hold on a server process.

    Args:
        main: the child's main function; gets a pipe and the number of viewers.
    """

    def __init__(self, main: Any, viewers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=main, args=(theirs, viewers), daemon=True)
        self.process.start()
        theirs.close()
        self.port = int(self.answer())

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self.process.pid is not None
        return self.process.pid

    def ask(self, command: str, *arguments: Any) -> Any:
        """Sends a command and waits for its answer."""
        self.tell(command, *arguments)
        return self.answer()

    def tell(self, command: str, *arguments: Any) -> None:
        """Sends a command; take its answer later."""
        self.pipe.send((command, *arguments))

    def answer(self) -> Any:
        """The next answer."""
        try:
            if not self.pipe.poll(ANSWER_TIMEOUT_S):
                raise ServerFailed("the server does not answer")
            return self.pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            raise ServerFailed("the server has ended") from error

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.is_alive() and error is None:
            self.pipe.send(("exit",))
            self.process.join(20)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()
        self.pipe.close()

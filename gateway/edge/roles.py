"""What a process of a gateway begins with. The fork server has imported its role already; the supervisor never does."""

from __future__ import annotations

import os
import signal
import socket
from multiprocessing import forkserver
from typing import Any

from gateway.settings import Settings

PRELOADED = ["gateway.edge.worker", "gateway.aggregate.process"]
"""What the fork server imports, once for all."""


def begin() -> None:
    """Starts the fork server, which imports while the store and the history start."""
    forkserver.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()


def abandon() -> None:
    """Ends a fork server of which no process was asked: it may still import, and would miss what is removed now."""
    # The library ends it with the process that began it and in no other way.
    server: Any = getattr(forkserver, "_forkserver")  # noqa: B009
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)
        server._stop()


def work(index: int, settings: Settings, port: int, supervisor: socket.socket) -> None:
    """A worker: returns when it has drained."""
    from gateway.edge.worker import run

    run(index, settings, port, supervisor)


def aggregate(settings: Settings, supervisor: socket.socket) -> None:
    """An aggregator: returns when it was told to end, or when the supervisor is gone."""
    from gateway.aggregate.process import run

    run(settings, supervisor)

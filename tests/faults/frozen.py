"""Processes that do not run for a while, as on a machine that sleeps: they keep what they have, and answer nothing."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path


@contextlib.contextmanager
def frozen(pids: Collection[int]) -> Iterator[None]:
    """None of these runs meanwhile; one may have been ended."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def below(pid: int) -> Iterator[int]:
    """All processes that come from this one."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield int(child)
            yield from below(int(child))

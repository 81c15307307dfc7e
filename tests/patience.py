"""How tests wait: until something holds, all with one patience.

A wait that comes true takes its own time and no more, so the patience is the slowest machine's and says nothing of what the
product owes; a test that holds it to a time measures that itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_S = 90.0
"""Less than a test may take (pytest's `timeout`), so that a wait in vain says what it waited for."""


def until(
    condition: Callable[[], object], what: str | Callable[[], str] = "the condition", timeout_s: float = PATIENCE_S
) -> None:
    """Looks until `condition()` is true; `what` is what it waits for, or tells at the end what there is instead."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, _in_vain(what, timeout_s)
        time.sleep(0.01)


async def eventually(condition: Callable[[], object], what: str | Callable[[], str] = "the condition") -> None:
    """The same for tests that share the event loop with what they wait for."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, _in_vain(what, PATIENCE_S)
        await asyncio.sleep(0.01)


def _in_vain(what: str | Callable[[], str], timeout_s: float) -> str:
    return f"waited {timeout_s:g} s in vain for {what if isinstance(what, str) else what()}"

"""Ending tasks for certain, and running several of which the first failure ends all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

AGAIN_S = 0.1


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks and returns when they have ended.

    A cancellation may be lost on the way (asyncio.wait_for of Python 3.11 returns a result that comes at the same moment,
    and the client library uses it for every command), so it is repeated; and ours waits until the tasks have ended.
    """
    pending = {task for task in tasks if not task.done()}
    cancelled = False
    while pending:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=AGAIN_S)
        except asyncio.CancelledError:
            cancelled = True
        pending = {task for task in pending if not task.done()}
    for task in tasks:
        if not task.cancelled():
            task.exception()
    if cancelled:
        raise asyncio.CancelledError


async def until_one_fails(*works: Coroutine[Any, Any, None]) -> None:
    """Runs works that never end by themselves; raises what ended the first of them, when all have ended."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        failed = next((task for task in tasks if task.done()), None)
        await end(*tasks)
    if failed is not None:
        failed.result()

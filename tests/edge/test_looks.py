"""Looks on a real loop: each in time, however it was asked for."""

from __future__ import annotations

import asyncio
import math

from gateway.edge.looks import TICK_MS, Looks

LATE_MS = 10_000
"""Any machine has run a timer by then."""


async def until(condition: asyncio.Event) -> None:
    await asyncio.wait_for(condition.wait(), LATE_MS / 1000)


async def test_a_look_that_is_asked_for_sooner_does_not_wait_for_a_later_one() -> None:
    loop = asyncio.get_running_loop()
    looked: list[str] = []
    soon = asyncio.Event()

    def look(key: str) -> float:
        looked.append(key)
        soon.set()
        return math.inf

    looks = Looks(loop, look)
    looks.within("later", 3_600_000)
    looks.within("never", math.inf)
    looks.within("soon", TICK_MS)
    await until(soon)
    looks.close()
    assert looked == ["soon"]


async def test_many_are_looked_at_again_when_they_say() -> None:
    loop = asyncio.get_running_loop()
    looked: dict[int, int] = {}
    done = asyncio.Event()

    def look(key: int) -> float:
        looked[key] = looked.get(key, 0) + 1
        if len(looked) == 500 and min(looked.values()) == 2:
            done.set()
        return 1 if looked[key] < 2 else math.inf

    looks = Looks(loop, look)
    for key in range(500):
        looks.within(key, 0)
    await until(done)
    looks.close()
    assert set(looked.values()) == {2}


async def test_what_fails_ends_its_own_looks_only() -> None:
    loop = asyncio.get_running_loop()
    failed: list[object] = []
    loop.set_exception_handler(lambda _, context: failed.append(context.get("exception")))
    looked = asyncio.Event()

    def look(key: str) -> float:
        if key == "broken":
            raise ValueError(key)
        looked.set()
        return math.inf

    looks = Looks(loop, look)
    looks.within("broken", 0)
    looks.within("whole", 0)
    await until(looked)
    looks.close()
    assert [type(error) for error in failed] in ([ValueError], [])
    looks = Looks(loop, look)
    looks.within("broken", 0)
    looks.within("whole", 2 * TICK_MS)
    looked.clear()
    await until(looked)
    looks.close()
    assert ValueError in [type(error) for error in failed]

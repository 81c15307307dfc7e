"""Equal reads at work at once: one is made, and who leaves or fails takes nobody along who asks later."""

from __future__ import annotations

import asyncio

import pytest

from gateway.edge.joining import Joining


class Reads:
    """Reads that end when they are let."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read(self) -> str:
        self.begun += 1
        return await self.ended


async def test_one_read_answers_all_who_ask_meanwhile() -> None:
    joining, reads, others = Joining(), Reads(), Reads()
    equal = [asyncio.ensure_future(joining.once(("page", 1), reads.read)) for _ in range(5)]
    other = asyncio.ensure_future(joining.once(("page", 2), others.read))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (reads.begun, others.begun) == (1, 1)
    reads.ended.set_result("rows")
    assert await asyncio.gather(*equal) == ["rows"] * 5
    assert await joining.once(("page", 1), reads.read) == "rows"
    assert reads.begun == 2, "nothing is kept when the read is done"
    others.ended.set_result("others")
    assert await other == "others"


async def test_who_asked_first_may_leave() -> None:
    joining, reads = Joining(), Reads()
    first, second = (asyncio.ensure_future(joining.once("page", reads.read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    reads.ended.set_result("rows")
    assert await second == "rows"
    assert first.cancelled()
    assert reads.begun == 1


async def test_a_failure_is_told_to_all_and_not_kept() -> None:
    joining, reads = Joining(), Reads()
    equal = [asyncio.ensure_future(joining.once("page", reads.read)) for _ in range(3)]
    await asyncio.sleep(0)
    reads.ended.set_exception(ConnectionError("gone"))
    for one in equal:
        with pytest.raises(ConnectionError):
            await one
    again = Reads()
    again.ended.set_result("rows")
    assert await joining.once("page", again.read) == "rows"

"""A burst of a link's messages: in its order, the loop's other tasks in between, nothing read meanwhile."""

from __future__ import annotations

import asyncio
import time

import uvloop

from gateway.edge.inbox import HOLD_S, Inbox

COUNT = 40
EACH_S = HOLD_S / 4


class Source:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.closing = False

    def pause_reading(self) -> None:
        self.said.append("pause")

    def resume_reading(self) -> None:
        self.said.append("resume")

    def is_closing(self) -> bool:
        return self.closing


def busy(_payload: bytes) -> None:
    until_s = time.monotonic() + EACH_S
    while time.monotonic() < until_s:
        pass


def payloads(count: int = COUNT) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_a_burst_leaves_turns_to_others() -> None:
    async def main() -> None:
        taken: list[bytes] = []
        turns: set[int] = set()
        source = Source()
        loop = asyncio.get_running_loop()

        def take(payload: bytes) -> None:
            busy(payload)
            taken.append(payload)

        inbox = Inbox(loop, take, source)
        for payload in payloads():
            inbox.put(payload)
        assert 1 <= len(taken) < COUNT
        assert source.said == ["pause"]
        while len(taken) < COUNT:
            turns.add(len(taken))
            await asyncio.sleep(0)
        assert taken == payloads()
        assert len(turns) >= COUNT * EACH_S / HOLD_S / 2
        assert source.said == ["pause", "resume"]
        # What comes alone is worked off at once, and nothing is paused for it.
        await asyncio.sleep(0)
        inbox.put(b"alone")
        assert taken[-1] == b"alone"
        assert source.said == ["pause", "resume"]

    uvloop.run(main())


def test_what_comes_while_some_wait_comes_after_them() -> None:
    async def main() -> None:
        taken: list[bytes] = []

        def take(payload: bytes) -> None:
            busy(payload)
            taken.append(payload)

        inbox = Inbox(asyncio.get_running_loop(), take, Source())
        for payload in payloads():
            inbox.put(payload)
        await asyncio.sleep(0)
        # A transport may still give what it had read before it was paused.
        inbox.put(b"late")
        while len(taken) <= COUNT:
            await asyncio.sleep(0)
        assert taken == [*payloads(), b"late"]

    uvloop.run(main())


def test_a_closed_one_works_nothing_off() -> None:
    async def main() -> None:
        taken: list[bytes] = []
        source = Source()

        def take(payload: bytes) -> None:
            busy(payload)
            taken.append(payload)

        inbox = Inbox(asyncio.get_running_loop(), take, source)
        for payload in payloads():
            inbox.put(payload)
        before = list(taken)
        source.closing = True
        inbox.close()
        await asyncio.sleep(0.01)
        assert taken == before
        assert source.said == ["pause"]

    uvloop.run(main())

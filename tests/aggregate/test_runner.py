"""The runner on a real Valkey: every entry reaches a sink once and in order, whoever comes, goes or falls behind."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest

from gateway.aggregate.leases import Leases
from gateway.aggregate.reader import Reader
from gateway.aggregate.runner import Runner
from gateway.aggregate.sink import Start
from gateway.bus.ending import end
from gateway.bus.publisher import Publisher
from gateway.bus.redis_streams import RedisStreams
from gateway.model.entry import Entry, entry_digest_of
from tests.patience import eventually
from tests.stores import Store

CHANNELS = [f"match:{number}" for number in range(12)]


class Ledger:
    """What all processes' sinks have written: the watermark is the last entry written, as a good sink keeps it."""

    def __init__(self) -> None:
        self.written: dict[str, list[Entry]] = defaultdict(list)

    def start(self, channel: str) -> Start:
        if not self.written[channel]:
            return Start()
        last = self.written[channel][-1]
        return Start(last.position, entry_digest_of(last))


class Recorder:
    """A sink that writes when it is let."""

    name = "test"
    backlog_max = 50

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.open_gate = asyncio.Event()
        self.open_gate.set()
        self.lost: list[str] = []
        self.highest = 0
        self._taken: list[tuple[str, Entry]] = []

    def wants(self, channel: str) -> bool:
        return channel.startswith("match:")

    async def open(self, channels: Sequence[str]) -> dict[str, Start]:
        return {name: self.ledger.start(name) for name in channels}

    def take(self, channel: str, entries: list[Entry]) -> None:
        self._taken += [(channel, entry) for entry in entries]
        self.highest = max(self.highest, self.backlog)

    def history_lost(self, channel: str) -> None:
        self.lost.append(channel)
        self.close(channel)
        self.ledger.written[channel].clear()

    def close(self, channel: str) -> None:
        self._taken = [one for one in self._taken if one[0] != channel]

    @property
    def backlog(self) -> int:
        return len(self._taken)

    async def run(self) -> None:
        while True:
            await self.open_gate.wait()
            await self.flush()
            await asyncio.sleep(0.01)

    async def flush(self) -> None:
        for channel, entry in self._taken:
            self.ledger.written[channel].append(entry)
        self._taken.clear()


class Stage:
    """Processes of the role, in one loop."""

    def __init__(self, store: Store, stack: AsyncExitStack) -> None:
        self.store = store
        self.ledger = Ledger()
        self._stack = stack

    async def start(
        self, member: str, ttl_s: float = 10.0, history: str = "none"
    ) -> tuple[Recorder, Runner, asyncio.Task[None]]:
        bus, publisher = RedisStreams(self.store.url), Publisher(self.store.url)
        leases = Leases(self.store.url, member, ttl_s, history)
        for closing in (bus.close, publisher.close, leases.close):
            self._stack.push_async_callback(closing)
        await bus.connect()
        sink = Recorder(self.ledger)
        runner = Runner(leases, publisher, [Reader(bus, sink)])
        task = asyncio.create_task(runner.run())
        self._stack.push_async_callback(end, task)
        return sink, runner, task

    async def until(self, condition: Callable[[], bool]) -> None:
        await eventually(condition, lambda: f"the condition; written: {self.counts()}")

    def counts(self) -> list[int]:
        return [len(self.ledger.written[name]) for name in CHANNELS]


@pytest.fixture
async def stage(valkey_server: Store) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(valkey_server, stack)


@pytest.fixture
async def publisher(valkey_server: Store) -> AsyncIterator[Publisher]:
    writer = Publisher(valkey_server.url)
    yield writer
    await writer.close()


async def fill(publisher: Publisher, begin: int, count: int) -> None:
    for name in CHANNELS:
        await publisher.append_many(name, 1, [(b'{"op":"n","n":%d}' % n, n) for n in range(begin, begin + count)])


def in_order(ledger: Ledger) -> bool:
    return all(
        [e.position.seq for e in ledger.written[name]] == list(range(len(ledger.written[name]))) for name in CHANNELS
    )


async def test_work_is_shared_and_goes_on_when_processes_come_and_go(stage: Stage, publisher: Publisher) -> None:
    await fill(publisher, 0, 20)
    _, first, first_task = await stage.start("first")
    await stage.until(lambda: stage.counts() == [20] * 12)
    _, second, _ = await stage.start("second")
    await stage.until(lambda: len(first.held) < 64 and len(first.held) + len(second.held) == 64)
    await fill(publisher, 20, 20)
    await stage.until(lambda: stage.counts() == [40] * 12)
    await end(first_task)
    await stage.until(lambda: len(second.held) == 64)
    await fill(publisher, 40, 20)
    await stage.until(lambda: stage.counts() == [60] * 12)
    assert in_order(stage.ledger)


async def test_a_process_of_another_history_waits_until_those_at_work_are_gone(
    stage: Stage, publisher: Publisher
) -> None:
    await fill(publisher, 0, 5)
    _, first, first_task = await stage.start("first", history="one")
    await stage.until(lambda: len(first.held) == 64)
    stranger, second, _ = await stage.start("second", history="two")
    await stage.until(lambda: second.split == "one")
    await fill(publisher, 5, 5)
    await stage.until(lambda: stage.counts() == [10] * 12)
    assert (len(first.held), second.held, stranger.highest) == (64, {}, 0)
    await end(first_task)
    await stage.until(lambda: len(second.held) == 64 and not second.split)
    await fill(publisher, 10, 5)
    await stage.until(lambda: stage.counts() == [15] * 12)
    assert in_order(stage.ledger)


async def test_a_slow_sink_is_given_a_bounded_backlog(stage: Stage, publisher: Publisher) -> None:
    sink, _, _ = await stage.start("only")
    sink.open_gate.clear()
    await fill(publisher, 0, 300)
    await stage.until(lambda: sink.backlog > sink.backlog_max)
    sink.open_gate.set()
    await stage.until(lambda: stage.counts() == [300] * 12)
    assert in_order(stage.ledger)
    assert sink.highest <= sink.backlog_max + 12 * 100, "one piece of each channel beyond the bound, no more"


async def test_a_lost_history_is_told_and_read_again(stage: Stage, publisher: Publisher) -> None:
    await fill(publisher, 0, 20)
    sink, _, _ = await stage.start("only")
    await stage.until(lambda: stage.counts() == [20] * 12)
    stage.store.client.delete("live:{match:3}")
    await publisher.append_many("match:3", 1, [(b'{"op":"other"}', 0)] * 7)
    await stage.until(lambda: len(stage.ledger.written["match:3"]) == 7)
    assert sink.lost == ["match:3"]
    assert in_order(stage.ledger)

"""What every adapter must do: order, no loss, no duplicates, a confirmed history, fencing, and none of it at others' cost.

An adapter's test derives from `BusContract` and gives a `Ground`: its store, and what can be done to it.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from gateway.bus.base import Bus
from gateway.bus.errors import Fenced, Unavailable, WrongType
from gateway.bus.publisher import Publisher
from gateway.model.version import Position
from tests.bus.seen import Seen
from tests.patience import eventually


class Ground(Protocol):
    """A store under test."""

    many: int
    """Channels that are many for this way of reading."""

    def reader(self) -> Bus:
        """A reading side, not connected."""
        ...

    def writer(self) -> Publisher:
        """A writing side."""
        ...

    def kill(self) -> None:
        """The store dies; what it has acknowledged stays."""
        ...

    def start(self) -> None:
        """It is back."""
        ...

    def trim(self, channel: str, keep: int) -> None:
        """Only the last entries are kept."""
        ...

    def forget(self, channel: str) -> None:
        """The stream is gone, as if it had never been; other streams stay."""
        ...

    def spoil(self, channel: str) -> None:
        """Something that is no stream takes the stream's place."""
        ...


def number(n: int) -> bytes:
    """An event that can be told from others."""
    return b'{"op":"n","n":%d}' % n


class BusContract:
    """The tests; `ground` is a fixture of the adapter's module."""

    @pytest.fixture
    async def stack(self) -> object:
        async with AsyncExitStack() as opened:
            yield opened

    @pytest.fixture
    async def bus(self, ground: Ground, stack: AsyncExitStack) -> Bus:
        """A connected reader."""
        reader = ground.reader()
        stack.push_async_callback(reader.close)
        await reader.connect()
        return reader

    @pytest.fixture
    async def publisher(self, ground: Ground, stack: AsyncExitStack) -> Publisher:
        writer = ground.writer()
        stack.push_async_callback(writer.close)
        return writer

    # -- content -----------------------------------------------------------------------------------------------

    async def test_entries_come_in_order_once_and_all(self, bus: Bus, publisher: Publisher) -> None:
        channels = [f"match:{name}" for name in "abc"]
        seen = Seen()
        for channel in channels:
            bus.follow(channel, None, seen)

        async def write(channel: str) -> list[Position]:
            epoch = await publisher.new_epoch(channel)
            positions: list[Position] = []
            for start in range(0, 1500, 50):
                batch = [(number(n), n) for n in range(start, start + 50)]
                positions += await publisher.append_many(channel, epoch, batch)
            return positions

        written = await asyncio.gather(*map(write, channels))
        await seen.until(lambda: all(len(seen.entries[channel]) >= 1500 for channel in channels))
        for channel, positions in zip(channels, written, strict=True):
            assert seen.raw(channel) == [number(n) for n in range(1500)]
            assert seen.positions(channel) == positions == [Position(1, n) for n in range(1500)]
            assert [entry.t_ms for entry in seen.entries[channel]] == list(range(1500))
        assert (seen.failed, seen.broken) == ([], [])

    async def test_following_begins_after_what_is_known(self, bus: Bus, publisher: Publisher) -> None:
        epoch = await publisher.new_epoch("match:a")
        await publisher.append_many("match:a", epoch, [(number(n), n) for n in range(10)])
        third = (await bus.read("match:a", Position(1, 3), Position(1, 3), 1))[0]
        by_entry, by_position, whole = Seen(), Seen(), Seen()
        bus.follow("match:a", third, by_entry)
        await by_entry.until(lambda: len(by_entry.entries["match:a"]) == 6)
        bus.follow("match:a", Position(1, 7), by_position)
        await by_position.until(lambda: len(by_position.entries["match:a"]) == 2)
        bus.follow("match:a", None, whole)
        await whole.until(lambda: len(whole.entries["match:a"]) == 10)
        await publisher.append("match:a", epoch, number(10), 10)
        await whole.until(lambda: len(whole.entries["match:a"]) == 11)
        assert by_entry.raw("match:a") == [number(n) for n in range(4, 10)], "only the last sink is told"
        assert by_position.raw("match:a") == [number(8), number(9)]

    async def test_a_channel_is_followed_before_it_exists(self, bus: Bus, publisher: Publisher) -> None:
        seen = Seen()
        bus.follow("match:a", None, seen)
        bus.follow("match:b", None, seen)
        await publisher.append("match:b", await publisher.new_epoch("match:b"), number(0), 0)
        await seen.until(lambda: seen.entries["match:b"])
        await publisher.append("match:a", await publisher.new_epoch("match:a"), number(1), 0)
        await seen.until(lambda: seen.entries["match:a"])

    async def test_a_channel_that_is_let_go_is_told_no_more(self, bus: Bus, publisher: Publisher) -> None:
        gone, kept = Seen(), Seen()
        bus.follow("match:a", None, gone)
        bus.follow("match:b", None, kept)
        for channel in ("match:a", "match:b"):
            await publisher.append(channel, await publisher.new_epoch(channel), number(0), 0)
        await gone.until(lambda: gone.entries["match:a"])
        bus.unfollow("match:a")
        bus.unfollow("match:never")
        await publisher.append("match:a", 1, number(1), 0)
        for n in range(3):
            await publisher.append("match:b", 1, number(n), 0)
            await kept.until(lambda n=n: len(kept.entries["match:b"]) == n + 2)
        assert gone.raw("match:a") == [number(0)]
        bus.follow("match:a", gone.entries["match:a"][-1], gone)
        await gone.until(lambda: gone.raw("match:a") == [number(0), number(1)])

    async def test_a_long_tail_is_read_to_its_end(self, bus: Bus, publisher: Publisher) -> None:
        epoch = await publisher.new_epoch("match:a")
        for start in range(0, 6000, 1000):
            await publisher.append_many("match:a", epoch, [(number(n), n) for n in range(start, start + 1000)])
        seen = Seen()
        bus.follow("match:a", None, seen)
        await seen.until(lambda: len(seen.entries["match:a"]) >= 6000)
        assert seen.raw("match:a") == [number(n) for n in range(6000)]

    async def test_many_channels(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        channels = [f"match:{n}" for n in range(ground.many)]
        seen = Seen()
        for channel in channels:
            bus.follow(channel, None, seen)
        loop = asyncio.get_running_loop()
        for n in range(3):
            for channel in channels:
                await publisher.append(channel, 1, number(n), 0)
            await seen.until(lambda n=n: all(len(seen.entries[channel]) > n for channel in channels), 30)
        assert all(seen.raw(channel) == [number(0), number(1), number(2)] for channel in channels)
        took_s = []
        for n in range(3, 6):
            began_s = loop.time()
            await publisher.append(channels[ground.many // 2], 1, number(n), 0)
            await seen.until(lambda n=n: len(seen.entries[channels[ground.many // 2]]) == n + 1)
            took_s.append(loop.time() - began_s)
        assert min(took_s) < 2, "one entry among thousands of quiet channels"

    # -- history -----------------------------------------------------------------------------------------------

    async def test_a_lost_history_is_noticed(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        seen = Seen()
        for channel in ("match:a", "match:b"):
            bus.follow(channel, None, seen)
            await publisher.append_many(channel, 1, [(number(n), n) for n in range(5)])
        await seen.until(lambda: all(len(seen.entries[channel]) == 5 for channel in ("match:a", "match:b")))
        ground.forget("match:a")
        await seen.until(lambda: seen.failed)
        assert seen.failed == ["match:a"]
        await publisher.append("match:b", 1, number(5), 0)
        await seen.until(lambda: len(seen.entries["match:b"]) == 6)

    async def test_an_older_history_is_noticed(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        seen = Seen()
        bus.follow("match:a", None, seen)
        await publisher.append_many("match:a", 1, [(number(n), n) for n in range(5)])
        await seen.until(lambda: len(seen.entries["match:a"]) == 5)
        ground.forget("match:a")
        await publisher.append_many("match:a", 1, [(number(n), n) for n in range(3)])
        await seen.until(lambda: seen.failed)
        assert len(seen.entries["match:a"]) == 5

    async def test_another_history_is_noticed(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        seen = Seen()
        bus.follow("match:a", None, seen)
        await publisher.append_many("match:a", 1, [(number(n), n) for n in range(5)])
        await seen.until(lambda: len(seen.entries["match:a"]) == 5)
        ground.forget("match:a")
        await publisher.append_many("match:a", 1, [(number(n), n) for n in range(100, 110)])
        await seen.until(lambda: seen.failed)
        assert seen.raw("match:a") == [number(n) for n in range(5)], "nothing of the other history was given"

    async def test_a_digest_confirms_the_first_read(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        await publisher.append_many("match:a", 1, [(number(n), n) for n in range(5)])
        seen = Seen()
        bus.follow("match:a", Position(1, 4), seen, digest=12345)
        await seen.until(lambda: seen.failed)

    @pytest.mark.parametrize("keep", [3, 0])
    async def test_a_trimmed_stream_is_no_other_history(
        self, ground: Ground, bus: Bus, publisher: Publisher, keep: int
    ) -> None:
        seen = Seen()
        bus.follow("match:a", None, seen)
        await publisher.append_many("match:a", 1, [(number(n), n) for n in range(10)])
        await seen.until(lambda: len(seen.entries["match:a"]) == 10)
        ground.trim("match:a", keep)
        await publisher.append_many("match:a", 1, [(number(n), n) for n in range(10, 30)])
        await seen.until(lambda: len(seen.entries["match:a"]) == 30)
        ground.trim("match:a", keep)
        await publisher.append("match:a", 1, number(30), 0)
        await seen.until(lambda: len(seen.entries["match:a"]) == 31)
        assert seen.raw("match:a") == [number(n) for n in range(31)]
        assert seen.failed == []

    # -- faults ------------------------------------------------------------------------------------------------

    async def test_the_store_dies_under_load(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        seen = Seen()
        bus.follow("match:a", None, seen)
        acknowledged: list[bytes] = []
        refused = 0
        stop = asyncio.Event()

        async def write() -> None:
            nonlocal refused
            n = 0
            while not stop.is_set():
                n += 1
                try:
                    await publisher.append("match:a", 1, number(n), n)
                    acknowledged.append(number(n))
                except Unavailable:
                    refused += 1
                await asyncio.sleep(0.002)

        writing = asyncio.create_task(write())
        await seen.until(lambda: len(seen.entries["match:a"]) > 50)
        assert seen.connected == []
        for outage in (1, 2):
            await asyncio.to_thread(ground.kill)
            await seen.until(lambda outage=outage: seen.connected.count(False) == outage)
            known, before = len(seen.entries["match:a"]), refused
            await eventually(lambda before=before: refused > before, "a refused write")
            await asyncio.to_thread(ground.start)
            await seen.until(lambda outage=outage: seen.connected.count(True) == outage)
            await seen.until(lambda known=known: len(seen.entries["match:a"]) > known + 50)
            assert seen.connected == [False, True] * outage
            assert bus.reconnects == outage
        stop.set()
        await writing
        await seen.until(lambda: acknowledged[-1] in seen.raw("match:a")[-5:])
        held = seen.raw("match:a")
        assert seen.positions("match:a") == [Position(1, n) for n in range(len(held))], "no gap, no duplicate"
        missing = set(acknowledged) - set(held)
        assert not missing, "acknowledged and lost"
        assert len(set(held)) == len(held)
        assert seen.failed == []

    async def test_a_store_that_is_not_there_yet(self, ground: Ground, stack: AsyncExitStack) -> None:
        await asyncio.to_thread(ground.kill)
        reader = ground.reader()
        stack.push_async_callback(reader.close)
        seen = Seen()
        with pytest.raises(Unavailable):
            await reader.connect()
        with pytest.raises(Unavailable):
            await reader.tail("match:a")
        reader.follow("match:a", None, seen)
        assert seen.connected == [False]
        await asyncio.to_thread(ground.start)
        await seen.until(lambda: seen.connected == [False, True])
        writer = ground.writer()
        stack.push_async_callback(writer.close)
        await writer.append("match:a", 1, number(0), 0)
        await seen.until(lambda: seen.entries["match:a"])

    async def test_a_spoiled_stream_is_told_once_and_harms_no_other(
        self, ground: Ground, bus: Bus, publisher: Publisher
    ) -> None:
        seen = Seen()
        ground.spoil("match:odd")
        bus.follow("match:odd", None, seen)
        bus.follow("match:a", None, seen)
        with pytest.raises(WrongType):
            await bus.tail("match:odd")
        with pytest.raises(WrongType):
            await bus.read("match:odd", None, None, 1)
        with pytest.raises(WrongType):
            await publisher.append("match:odd", 1, number(0), 0)
        with pytest.raises(WrongType):
            await publisher.append_idempotent("match:odd", 1, "k", number(0), 0, False)
        await seen.until(lambda: seen.broken)
        for n in range(100):
            await publisher.append("match:a", 1, number(n), 0)
            await seen.until(lambda n=n: len(seen.entries["match:a"]) == n + 1)
        assert seen.broken == [("match:odd", "wrong_type")]
        assert seen.connected == []
        assert bus.reconnects == 0
        ground.forget("match:odd")
        await publisher.append("match:odd", 1, number(0), 0)
        await seen.until(lambda: seen.raw("match:odd") == [number(0)])

    async def test_a_sink_that_raises_loses_its_channel_only(self, bus: Bus, publisher: Publisher) -> None:
        class Faulty(Seen):
            def on_entries(self, channel: str, entries: object) -> None:
                raise ZeroDivisionError

        told: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
        faulty, seen = Faulty(), Seen()
        bus.follow("match:a", None, faulty)
        bus.follow("match:b", None, seen)
        for n in range(3):
            await publisher.append("match:a", 1, number(n), 0)
            await publisher.append("match:b", 1, number(n), 0)
        await seen.until(lambda: len(seen.entries["match:b"]) == 3)
        await eventually(lambda: told, "the fault to be told")
        assert [type(context["exception"]) for context in told] == [ZeroDivisionError]
        assert seen.connected == []

    # -- the writing side --------------------------------------------------------------------------------------

    async def test_an_old_epoch_is_refused(self, bus: Bus, publisher: Publisher) -> None:
        seen = Seen()
        bus.follow("match:a", None, seen)
        old = await publisher.new_epoch("match:a")
        await publisher.append("match:a", old, number(0), 0)
        new = await publisher.new_epoch("match:a")
        assert new > old
        await publisher.append("match:a", old, number(1), 0)
        await publisher.append("match:a", new, number(2), 0)
        for refused in (
            publisher.append("match:a", old, number(3), 0),
            publisher.append_many("match:a", old, [(number(n), 0) for n in range(4, 8)]),
            publisher.append_idempotent("match:a", old, "key", number(8), 0, False),
        ):
            with pytest.raises(Fenced) as fenced:
                await refused
            assert fenced.value.current_epoch == new
        await publisher.append("match:a", new, number(9), 0)
        await seen.until(lambda: len(seen.entries["match:a"]) == 4)
        assert seen.positions("match:a") == [Position(old, 0), Position(old, 1), Position(new, 0), Position(new, 1)]

    async def test_entries_of_several_channels_are_taken_each_for_itself(self, bus: Bus, publisher: Publisher) -> None:
        await publisher.append("match:b", 5, number(0), 0)
        entries = [("match:a", 1, number(1)), ("match:b", 4, number(2)), ("match:c", 1, number(3))]
        refused = await publisher.append_each(entries, 7)
        assert [type(one) for one in refused] == [type(None), Fenced, type(None)]
        assert [len(await bus.read(name, None, None, 10)) for name in ("match:a", "match:b", "match:c")] == [1, 1, 1]

    async def test_fencing_outlives_the_entries(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        await publisher.append("match:a", 5, number(0), 0)
        ground.trim("match:a", 0)
        for refused in (
            publisher.append("match:a", 4, number(1), 0),
            publisher.append_idempotent("match:a", 4, "key", number(2), 0, False),
        ):
            with pytest.raises(Fenced) as fenced:
                await refused
            assert fenced.value.current_epoch == 5
        position, _ = await publisher.append_idempotent("match:a", None, "key", number(3), 0, False)
        assert position == Position(5, 1)

    async def test_an_idempotency_key_is_good_once(self, bus: Bus, publisher: Publisher) -> None:
        answers = await asyncio.gather(
            *(publisher.append_idempotent("match:a", None, "once", number(n), n, True) for n in range(30))
        )
        assert sorted(duplicate for _, duplicate in answers) == [False] + [True] * 29
        assert {position for position, _ in answers} == {Position(1, 0)}
        assert len(await bus.read("match:a", None, None, 100)) == 1
        again = await asyncio.gather(
            *(publisher.append_idempotent("match:a", None, f"key{n % 5}", number(n), n, False) for n in range(50))
        )
        assert sum(not duplicate for _, duplicate in again) == 5
        assert len(await bus.read("match:a", None, None, 100)) == 6
        assert await publisher.append_idempotent("match:b", None, "once", number(0), 0, True) == (Position(1, 0), False)

    async def test_epochs_are_opened_once_each(self, bus: Bus, publisher: Publisher) -> None:
        answers = await asyncio.gather(
            *(publisher.append_idempotent("match:a", None, None, number(n), n, True) for n in range(20))
        )
        assert sorted(position.epoch for position, _ in answers) == list(range(1, 21))
        assert {position.seq for position, _ in answers} == {0}

    async def test_no_stream_and_no_epoch_is_fenced(self, publisher: Publisher) -> None:
        with pytest.raises(Fenced) as fenced:
            await publisher.append_idempotent("match:a", None, "key", number(0), 0, False)
        assert fenced.value.current_epoch is None

    async def test_keyframes_are_the_last_two_newest_first(self, bus: Bus, publisher: Publisher) -> None:
        assert await bus.keyframes("match:a") == []
        for n in range(4):
            await publisher.write_keyframe("match:a", b"frame %d" % n)
        assert await bus.keyframes("match:a") == [b"frame 3", b"frame 2"]

    async def test_channels_are_found(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        names = {f"match:{n}" for n in range(50)} | {"lobby:matches"}
        for name in names:
            await publisher.append(name, 1, number(0), 0)
        await publisher.write_keyframe("match:other", b"x")
        ground.spoil("match:odd")
        assert {name async for name in publisher.channels()} == names
        assert {name async for name in publisher.channels("lobby")} == {"lobby:matches"}

    async def test_what_a_stream_holds(self, ground: Ground, bus: Bus, publisher: Publisher) -> None:
        assert await bus.tail("match:a") is None
        await publisher.append_many("match:a", 3, [(number(n), n) for n in range(10)])
        info = await bus.tail("match:a")
        assert info is not None
        assert (info.first, info.last_generated, info.length) == (Position(3, 0), Position(3, 9), 10)
        ground.trim("match:a", 0)
        info = await bus.tail("match:a")
        assert info is not None
        assert (info.first, info.last_generated, info.length) == (None, Position(3, 9), 0)

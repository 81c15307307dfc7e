"""Playing into a real store: in time, in one epoch, and with nothing lost when the store or the epoch is."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from gateway.bus.connect import open_publisher
from gateway.bus.embedded import EmbeddedValkey
from gateway.bus.errors import Fenced
from gateway.bus.publisher import Publisher
from gateway.replay import player
from gateway.replay.finding import open_recording
from gateway.replay.fold import fold_file
from gateway.replay.player import Outcome, Progress, play
from gateway.replay.recording import Recording
from gateway.replay.rounds import Round, play_rounds
from gateway.replay.simulator import Simulation, simulate
from tests.patience import PATIENCE_S
from tests.replay.conftest import FOLDERS
from tests.replay.stores import CHANNEL, counting, entries_of, events_in, folded


@pytest.mark.parametrize("folder", FOLDERS)
async def test_a_recorded_match_played_at_full_speed_folds_to_the_file(
    matches: Path, store: EmbeddedValkey, publisher: Publisher, folder: str
) -> None:
    recording = open_recording(str(matches / folder))
    seen: list[Progress] = []
    played = await play(recording, publisher, CHANNEL, 0, seen.append)
    entries = await entries_of(store.url)
    assert folded(entries) == fold_file(recording)
    assert played.outcome is Outcome.FINISHED
    assert played.progress == seen[-1]
    assert played.progress.t_ms == recording.duration_ms
    assert played.progress.events == sum(len(events) for _, events in recording.events)
    assert played.progress.position == entries[-1].position
    assert len(entries) == played.progress.entries
    assert {entry.position.epoch for entry in entries} == {played.epochs[0]}
    assert events_in(entries)[0]["op"] == "reset"
    assert played.retries == 0


async def test_times_are_absolute_and_scaled(store: EmbeddedValkey, publisher: Publisher) -> None:
    recording = counting(list(range(0, 2_001, 20)))
    took_ms: list[int] = []
    # A machine that does something else for a moment spoils one try, not all.
    while not took_ms or (took_ms[-1] >= 1_000 and len(took_ms) < 20):
        channel, began_ms = f"{CHANNEL}-{len(took_ms)}", time.time_ns() // 1_000_000
        await play(recording, publisher, channel, 4.0)
        took_ms.append(time.time_ns() // 1_000_000 - began_ms)
        stamps = [entry.t_ms for entry in await entries_of(store.url, channel)]
        assert all(stamp is not None and began_ms <= stamp <= began_ms + took_ms[-1] for stamp in stamps)
        assert stamps == sorted(stamp for stamp in stamps if stamp is not None)
    # 2 s at four times their speed; a delay of one moment is not handed on to the next.
    assert 500 <= took_ms[-1] < 1_000, took_ms


async def test_what_is_due_together_is_one_entry(store: EmbeddedValkey, publisher: Publisher) -> None:
    played = await play(counting([0] * 100), publisher, CHANNEL, 1.0)
    entries = await entries_of(store.url)
    assert folded(entries)["teams"]["a"]["score"] == 100
    # The reset, 64 together, the rest together.
    assert [len(events_in([entry])) for entry in entries] == [1, player.MAX_ENTRY_EVENTS, 36]
    assert played.progress.entries == 3


async def test_an_entry_stays_within_its_bytes(store: EmbeddedValkey, publisher: Publisher) -> None:
    recording = counting([0] * 20)
    events = [(t_ms, [told[0] | {"text": "x" * 10_000}]) for t_ms, told in recording.events]
    big = Recording("big", "Big", "arena", recording.state, events, 0)
    await play(big, publisher, CHANNEL, 0)
    entries = await entries_of(store.url)
    assert folded(entries)["teams"]["a"]["score"] == 20
    assert max(len(entry.raw) for entry in entries) <= player.MAX_ENTRY_BYTES + 100


async def test_the_beginning_is_published_at_once_and_stamped_as_if_it_had_been_played(
    store: EmbeddedValkey, publisher: Publisher
) -> None:
    times_ms = [0, 500, 30_000, 30_500, 60_000, 60_200]
    recording = counting(times_ms)
    began_ms = time.time_ns() // 1_000_000
    await play(recording, publisher, CHANNEL, 2.0, start_ms=60_000)
    ended_ms = time.time_ns() // 1_000_000
    assert ended_ms - began_ms >= 100
    entries = await entries_of(store.url)
    assert folded(entries) == fold_file(recording)
    stamps = [entry.t_ms for entry in entries if entry.t_ms is not None]
    assert len(stamps) == len(entries)
    # The reset at the beginning, what happened within two seconds in one entry, by the last of it; the rest as it goes out.
    origin_ms = stamps[0] + 30_000
    assert began_ms <= origin_ms <= ended_ms
    assert [stamp - origin_ms for stamp in stamps[:3]] == [-30_000, -29_750, -14_750]
    assert all(origin_ms <= stamp <= ended_ms for stamp in stamps[3:])


async def test_a_match_that_is_published_as_fast_as_it_can_be_has_the_stamps_of_now(
    store: EmbeddedValkey, publisher: Publisher
) -> None:
    began_ms = time.time_ns() // 1_000_000
    await play(counting([0, 30_000, 60_000]), publisher, CHANNEL, 0, start_ms=60_000)
    assert all(entry.t_ms is not None and entry.t_ms >= began_ms for entry in await entries_of(store.url))


async def test_a_slow_match_still_says_that_it_lives(
    store: EmbeddedValkey, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "HEARTBEAT_S", 0.05)
    recording = counting([0, 300])
    await play(recording, publisher, CHANNEL, 0.1)
    entries = await entries_of(store.url)
    clocks = [event for event in events_in(entries) if event["op"] == "clock"]
    assert len(clocks) >= 3
    assert clocks[0] == {"op": "clock", "t_ms": 0, "running": True}
    assert folded(entries) == fold_file(recording)


async def test_stopping_ends_a_playing_where_it_is(store: EmbeddedValkey, publisher: Publisher) -> None:
    stop = asyncio.Event()
    recording = counting([0, 0, 3_600_000])
    began_s = time.monotonic()
    played = await play(recording, publisher, CHANNEL, 1.0, lambda _: stop.set(), stop)
    assert played.outcome is Outcome.STOPPED
    assert time.monotonic() - began_s < PATIENCE_S
    assert folded(await entries_of(store.url))["teams"]["a"]["score"] == 2


async def test_a_fenced_player_opens_a_new_epoch_with_all_that_was_told(
    store: EmbeddedValkey, publisher: Publisher
) -> None:
    # Long enough for a player that is late for a while not to tell all the rest at once.
    recording = counting(list(range(0, 4_000, 10)))
    taken: list[int] = []

    async def take_over() -> None:
        state = {"title": "Intruder", "teams": {}}
        raw = msgspec.json.encode({"op": "reset", "rules": "scoreboard", "state": state})
        position, _ = await publisher.append_idempotent(CHANNEL, None, None, raw, 0, True)
        taken.append(position.epoch)

    takeovers: list[asyncio.Task[None]] = []

    def on_progress(progress: Progress) -> None:
        if progress.moments > 15 and not takeovers:
            takeovers.append(asyncio.create_task(take_over()))

    played = await play(recording, publisher, CHANNEL, 1.0, on_progress)
    await asyncio.gather(*takeovers)
    entries = await entries_of(store.url)
    assert played.epochs == (1, 3)
    assert taken == [2]
    assert folded(entries) == fold_file(recording)
    assert folded(entries)["teams"]["a"]["score"] == 400


async def test_a_player_that_is_fenced_again_and_again_gives_up(
    store: EmbeddedValkey, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "MAX_REOPENINGS", 2)
    recording = counting(list(range(0, 20_000, 5)))

    async def fight() -> None:
        while True:
            await publisher.append_idempotent(CHANNEL, None, None, b'{"op":"reset","state":{}}', 0, True)
            await asyncio.sleep(0.01)

    fighting = asyncio.create_task(fight())
    with pytest.raises(Fenced):
        await asyncio.wait_for(play(recording, publisher, CHANNEL, 1.0), PATIENCE_S)
    fighting.cancel()


async def test_nothing_is_lost_or_doubled_while_the_store_is_away(store: EmbeddedValkey, publisher: Publisher) -> None:
    recording = counting(list(range(0, 6_000, 20)))
    reached = asyncio.Event()

    def on_progress(progress: Progress) -> None:
        if progress.moments > 50:
            reached.set()

    playing = asyncio.create_task(play(recording, publisher, CHANNEL, 1.0, on_progress))
    await asyncio.wait_for(reached.wait(), PATIENCE_S)
    await store.stop()
    await store.start()
    played = await asyncio.wait_for(playing, PATIENCE_S)
    entries = await entries_of(store.url)
    assert played.retries > 0
    assert played.outcome is Outcome.FINISHED
    assert folded(entries) == fold_file(recording)
    numbers = [event["number"] for event in events_in(entries) if event["op"] == "score"]
    if len(played.epochs) == 1:
        assert numbers == list(range(300))


async def test_an_entry_whose_answer_was_lost_is_not_appended_twice(
    store: EmbeddedValkey, publisher: Publisher
) -> None:
    """The store takes the entry, but its answer does not arrive: cut by a proxy between the two."""
    proxy = _Proxy(store.url.removeprefix("unix://"))
    url = await proxy.start()
    cut = open_publisher(url)
    recording = counting(list(range(0, 1_200, 10)))

    def on_progress(progress: Progress) -> None:
        # A late player tells many moments at once, so no single one of them can be waited for.
        if proxy.swallowed < 3 and progress.moments > 10 * proxy.swallowed:
            proxy.swallow_next_answer()

    played = await asyncio.wait_for(play(recording, cut, CHANNEL, 1.0, on_progress), PATIENCE_S)
    await cut.close()
    await proxy.stop()
    entries = await entries_of(store.url)
    assert proxy.swallowed == 3
    assert played.retries >= 3
    assert played.epochs == (1,)
    assert [event["number"] for event in events_in(entries) if event["op"] == "score"] == list(range(120))
    assert folded(entries) == fold_file(recording)


async def test_entries_that_the_store_forgot_are_told_again_in_a_new_epoch(
    store: EmbeddedValkey, publisher: Publisher
) -> None:
    recording = counting(list(range(0, 4_000, 10)))
    forgotten: list[asyncio.Task[None]] = []

    async def forget() -> None:
        # What a promoted replica does that was behind: the stream ends earlier, and numbers go on from there.
        client = publisher._client
        stream = f"live:{{{CHANNEL}}}"
        rows = await client.xrange(stream, count=6)
        async with client.pipeline(transaction=True) as at_once:
            at_once.delete(stream)
            for entry_id, fields in rows:
                at_once.xadd(stream, fields, id=entry_id)
            await at_once.execute()

    def on_progress(progress: Progress) -> None:
        if progress.moments > 30 and not forgotten:
            forgotten.append(asyncio.create_task(forget()))

    played = await asyncio.wait_for(play(recording, publisher, CHANNEL, 1.0, on_progress), PATIENCE_S)
    await asyncio.gather(*forgotten)
    assert len(played.epochs) == 2
    assert folded(await entries_of(store.url)) == fold_file(recording)


async def test_rounds_follow_each_other_each_in_its_own_epoch(store: EmbeddedValkey, publisher: Publisher) -> None:
    begun: list[tuple[int, str]] = []

    async def following(number: int) -> Round:
        return Round(CHANNEL, simulate(Simulation(seed=number, duration_s=10)))

    played = await play_rounds(
        following,
        publisher,
        lambda _: 0.0,
        asyncio.Event(),
        on_round=lambda number, chosen: begun.append((number, chosen.recording.match_id)),
        rounds=3,
        pause_s=0.01,
    )
    assert begun == [(0, "arena-0"), (1, "arena-1"), (2, "arena-2")]
    entries = await entries_of(store.url)
    assert sorted({entry.position.epoch for entry in entries}) == [1, 2, 3]
    assert played is not None
    assert folded(entries) == fold_file(simulate(Simulation(seed=2, duration_s=10)))


async def test_rounds_end_while_they_pause(store: EmbeddedValkey, publisher: Publisher) -> None:
    stop = asyncio.Event()

    async def following(_: int) -> Round:
        return Round(CHANNEL, counting([0]))

    rounds = play_rounds(
        following,
        publisher,
        lambda _: 0.0,
        stop,
        on_played=lambda *_: stop.set(),
        pause_s=3_600,
    )
    played = await asyncio.wait_for(rounds, PATIENCE_S)
    assert played is not None
    assert played.outcome is Outcome.FINISHED


class _Proxy:
    """Stands between a publisher and the store; on demand it passes a request on, swallows the answer and hangs up."""

    def __init__(self, path: str) -> None:
        self.swallowed = 0
        self._path = path
        self._armed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"redis://127.0.0.1:{port}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def swallow_next_answer(self) -> None:
        self._armed = True

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        store_in, store_out = await asyncio.open_unix_connection(self._path)
        forwarding = asyncio.create_task(self._forward(client_in, store_out))
        try:
            while answer := await store_in.read(65536):
                if self._armed:
                    self._armed = False
                    self.swallowed += 1
                    return
                client_out.write(answer)
                await client_out.drain()
        finally:
            forwarding.cancel()
            self._tasks.discard(task)
            for writer in (client_out, store_out):
                writer.close()

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()

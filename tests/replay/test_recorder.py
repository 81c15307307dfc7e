"""Recording a live channel: the file replays to the same document, wherever the recording began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.bus.base import Bus
from gateway.bus.connect import open_bus
from gateway.bus.embedded import EmbeddedValkey
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, ChannelLimits
from gateway.replay.finding import open_recording
from gateway.replay.fold import fold_file
from gateway.replay.player import Progress, play
from gateway.replay.recorder import Ended, Recorded, record
from gateway.replay.recording import Recording, RecordingError
from gateway.replay.simulator import Simulation, simulate
from tests.patience import PATIENCE_S
from tests.replay.conftest import FOLDERS
from tests.replay.stores import CHANNEL, counting, entries_of


@pytest.fixture(params=["blocking", "notify", "poll"])
async def bus(store: EmbeddedValkey, request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """The reading side of the store, in each way of waking up."""
    opened = open_bus(store.url, request.param)
    await opened.connect()
    yield opened
    await opened.close()


@pytest.fixture
async def reader(store: EmbeddedValkey) -> AsyncIterator[Bus]:
    """The reading side of the store."""
    opened = open_bus(store.url, "auto")
    await opened.connect()
    yield opened
    await opened.close()


def match() -> Recording:
    return simulate(Simulation(seed=4, duration_s=30, events_per_s=5))


async def test_a_live_match_is_recorded_to_its_end(
    store: EmbeddedValkey, bus: Bus, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "live.ndjson.gz"
    recording = match()
    begun = asyncio.Event()
    playing = asyncio.create_task(play(recording, publisher, CHANNEL, 30.0, lambda _: begun.set()))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    seen: list[Recorded] = []
    recorded = await asyncio.wait_for(record(bus, CHANNEL, path, seen.append), PATIENCE_S)
    await playing
    assert recorded.ended is Ended.MATCH_ENDED
    again = open_recording(str(path))
    assert fold_file(again) == fold_file(recording)
    assert (again.title, again.game, again.match_id) == (recording.title, recording.game, "test")
    assert recorded.events == sum(len(events) for _, events in again.events)
    assert seen[-1].events == recorded.events
    # At thirty times its speed the match takes a thirtieth of its time, or longer on a slow machine: as it was stamped.
    stamps = [entry.t_ms or 0 for entry in await entries_of(store.url)]
    assert recorded.duration_ms == max(stamps) - stamps[0]
    assert recorded.duration_ms * 30 / recording.duration_ms >= 0.9


@pytest.mark.parametrize("folder", FOLDERS)
async def test_recorded_matches_survive_playing_and_recording(
    matches: Path, reader: Bus, publisher: Publisher, tmp_path: Path, folder: str
) -> None:
    recording = open_recording(str(matches / folder))
    await play(recording, publisher, CHANNEL, 0)
    recorded = await record(reader, CHANNEL, tmp_path / "again.ndjson.gz")
    assert recorded.ended is Ended.MATCH_ENDED
    assert recorded.skipped == 0
    again = open_recording(str(tmp_path / "again.ndjson.gz"))
    assert fold_file(again) == fold_file(recording)
    told = [event for _, events in recording.events for event in events]
    assert [event for _, events in again.events for event in events] == told


async def test_a_recording_from_now_begins_with_the_document_as_it_is(
    reader: Bus, publisher: Publisher, tmp_path: Path
) -> None:
    recording = match()
    middle = asyncio.Event()

    def on_progress(progress: Progress) -> None:
        if progress.t_ms > 15_000:
            middle.set()

    playing = asyncio.create_task(play(recording, publisher, CHANNEL, 30.0, on_progress))
    await asyncio.wait_for(middle.wait(), PATIENCE_S)
    path = tmp_path / "half.ndjson"
    recorded = await asyncio.wait_for(record(reader, CHANNEL, path, from_now=True), PATIENCE_S)
    await playing
    again = open_recording(str(path))
    assert fold_file(again) == fold_file(recording)
    assert again.state["clock"]["t_ms"] >= 14_000
    assert recorded.events < sum(len(events) for _, events in recording.events)


async def test_a_trimmed_stream_is_recorded_from_its_keyframe(
    reader: Bus, publisher: Publisher, store: EmbeddedValkey, tmp_path: Path
) -> None:
    recording = counting(list(range(0, 400, 2)))
    await play(recording, publisher, CHANNEL, 2.0)
    entries = await entries_of(store.url)
    channel = Channel(CHANNEL, ChannelLimits())
    for entry in entries[: len(entries) // 2]:
        channel.fold(entry, 0)
    await publisher.write_keyframe(CHANNEL, channel.keyframe())
    first_kept = str(entries[len(entries) // 3].position)
    await publisher._client.xtrim(f"live:{{{CHANNEL}}}", minid=first_kept, approximate=False)
    stop = asyncio.Event()
    recorded = await asyncio.wait_for(
        record(reader, CHANNEL, tmp_path / "x.ndjson", lambda _: stop.set(), stop), PATIENCE_S
    )
    assert recorded.ended is Ended.STOPPED
    again = open_recording(str(tmp_path / "x.ndjson"))
    assert 0 < again.state["teams"]["a"]["score"] < 200
    assert fold_file(again) == fold_file(recording)


async def test_without_the_beginning_and_without_a_keyframe_there_is_no_recording(
    reader: Bus, publisher: Publisher, tmp_path: Path
) -> None:
    await play(counting([0, 1, 2, 3, 4, 5]), publisher, CHANNEL, 1.0)
    await publisher._client.xtrim(f"live:{{{CHANNEL}}}", maxlen=1, approximate=False)
    with pytest.raises(RecordingError, match="no longer holds the beginning"):
        await record(reader, CHANNEL, tmp_path / "x.ndjson")


async def test_a_new_epoch_ends_a_recording(reader: Bus, publisher: Publisher, tmp_path: Path) -> None:
    await play(counting([0, 1]), publisher, CHANNEL, 0)
    begun = asyncio.Event()
    path = tmp_path / "x.ndjson"
    recording = asyncio.create_task(record(reader, CHANNEL, path, lambda _: begun.set()))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    await play(counting([0, 1, 2]), publisher, CHANNEL, 0)
    recorded = await asyncio.wait_for(recording, PATIENCE_S)
    assert recorded.ended is Ended.NEW_EPOCH
    assert fold_file(open_recording(str(path)))["teams"]["a"]["score"] == 2


async def test_malformed_entries_are_left_out(reader: Bus, publisher: Publisher, tmp_path: Path) -> None:
    (epoch,) = (await play(counting([0]), publisher, CHANNEL, 0)).epochs
    for raw in (b"{", b'{"op":5}', b'{"op":"score"}', b'{"op":"reset","state":{}}'):
        await publisher.append(CHANNEL, epoch, raw, 0)
    await publisher.append(CHANNEL, epoch, msgspec.json.encode([{"op": "score", "team": "a"}, {"op": "end"}]), 0)
    recorded = await asyncio.wait_for(record(reader, CHANNEL, tmp_path / "x.ndjson"), PATIENCE_S)
    assert recorded.skipped == 4
    assert fold_file(open_recording(str(tmp_path / "x.ndjson")))["teams"]["a"]["score"] == 2


async def test_a_channel_that_is_not_there_is_an_error(reader: Bus, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="match:none: there is no such channel"):
        await record(reader, "match:none", tmp_path / "x.ndjson")
    assert not (tmp_path / "x.ndjson").exists()


async def test_a_full_disk_ends_a_recording_with_an_error(reader: Bus, publisher: Publisher) -> None:
    await play(counting(list(range(50))), publisher, CHANNEL, 0)
    with pytest.raises(RecordingError, match="No space left"):
        await asyncio.wait_for(record(reader, CHANNEL, Path("/dev/full")), PATIENCE_S)


async def test_a_history_that_the_store_replaces_ends_a_recording(
    reader: Bus, publisher: Publisher, tmp_path: Path
) -> None:
    (epoch,) = (await play(counting([0, 1]), publisher, CHANNEL, 0)).epochs
    begun = asyncio.Event()
    recording = asyncio.create_task(record(reader, CHANNEL, tmp_path / "x.ndjson", lambda _: begun.set()))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    client, stream = publisher._client, f"live:{{{CHANNEL}}}"
    rows = await client.xrange(stream)
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.delete(stream)
        for entry_id, fields in rows[:-1]:
            pipeline.xadd(stream, fields, id=entry_id)
        pipeline.xadd(stream, {"t": 1, "e": b'{"op":"other","patch":{}}'}, id=rows[-1][0])
        pipeline.xadd(stream, {"t": 1, "e": b'{"op":"other","patch":{}}'}, id=f"{epoch}-*")
        await pipeline.execute()
    recorded = await asyncio.wait_for(recording, PATIENCE_S)
    assert recorded.ended is Ended.HISTORY_LOST

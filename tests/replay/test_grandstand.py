"""Grandstand's own recordings: what is written is read again, and a malformed file says where."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway.replay.recording import Recording, RecordingError
from gateway.replay.simulator import Simulation, simulate
from gateway.replay.sources.grandstand import Header, open_grandstand, recording_file, write_recording

HEADER = {"grandstand": "recording", "version": 1, "match_id": "m", "title": "T", "game": "arena", "state": {"a": 1}}
MOMENT = {"t_ms": 0, "events": [{"op": "clock", "t_ms": 0}]}


def write(path: Path, *rows: object) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["x.ndjson", "x.ndjson.gz"])
def test_a_recording_is_the_same_after_writing_and_reading(tmp_path: Path, name: str) -> None:
    recording = simulate(Simulation(seed=7, duration_s=20))
    write_recording(recording, tmp_path / name)
    again = open_grandstand(tmp_path / name)
    assert list(again.events) == list(recording.events)
    for field in ("match_id", "title", "game", "state", "rules", "duration_ms"):
        assert getattr(again, field) == getattr(recording, field)


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    recording = simulate(Simulation(seed=7, duration_s=10))
    write_recording(recording, tmp_path / "a.ndjson.gz")
    write_recording(recording, tmp_path / "b.ndjson.gz")
    # The name of the file is part of a gzip header; the rest is equal.
    a, b = ((tmp_path / name).read_bytes() for name in ("a.ndjson.gz", "b.ndjson.gz"))
    assert a.replace(b"a.ndjson", b"b.ndjson") == b


def test_a_clock_that_steps_back_while_writing_is_held(tmp_path: Path) -> None:
    with recording_file(tmp_path / "x.ndjson", msgspec.convert(HEADER, Header)) as writer:
        writer.moment(100, [{"op": "a"}])
        writer.moment(40, [{"op": "b"}])
    assert [t_ms for t_ms, _ in open_grandstand(tmp_path / "x.ndjson").events] == [100, 100]


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ([], 1, "not a recording"),
        ([MOMENT], 1, "not a recording"),
        ([HEADER | {"version": 2}], 1, "version 2 is not known"),
        ([HEADER | {"state": []}], 1, "bad header"),
        ([{k: v for k, v in HEADER.items() if k != "title"}], 1, "bad header"),
        ([HEADER, MOMENT, {"t_ms": 1}], 3, "'events' is missing"),
        ([HEADER, {"events": []}], 2, "'t_ms' is missing"),
        ([HEADER, MOMENT | {"t_ms": "0"}], 2, "wrong type"),
        ([HEADER, MOMENT | {"t_ms": True}], 2, "wrong type"),
        ([HEADER, MOMENT | {"events": []}], 2, "wrong type"),
        ([HEADER, MOMENT | {"events": ["kill"]}], 2, "an event is an object with an op"),
        ([HEADER, MOMENT | {"events": [{"op": 5}]}], 2, "an event is an object with an op"),
        ([HEADER, MOMENT | {"events": [{"op": "reset", "state": {}}]}], 2, "reset"),
        ([HEADER, MOMENT | {"t_ms": 5}, MOMENT], 3, "time goes back"),
    ],
)
def test_malformed_recordings_name_the_line(tmp_path: Path, rows: list[object], line: int, reason: str) -> None:
    path = write(tmp_path / "x.ndjson", *rows)
    with pytest.raises(RecordingError, match=reason) as caught:
        open_grandstand(path)
    assert caught.value.line == line


def test_a_recording_of_no_moments_is_one(tmp_path: Path) -> None:
    recording = open_grandstand(write(tmp_path / "x.ndjson", HEADER))
    assert isinstance(recording, Recording)
    assert recording.duration_ms == 0


def test_a_file_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file or directory"):
        write_recording(simulate(Simulation(duration_s=10)), tmp_path / "none" / "x.ndjson")


def test_a_full_disk_is_an_error_of_one_line() -> None:
    with pytest.raises(RecordingError, match="/dev/full: No space left"):
        write_recording(simulate(Simulation(duration_s=10)), Path("/dev/full"))

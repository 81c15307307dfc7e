"""Grandstand's own recordings: NDJSON, plain or gzipped. A header line, then one line a moment.

Header: {"grandstand": "recording", "version": 1, "match_id", "title", "game", "rules", "state"}
Moment: {"t_ms": milliseconds since the start, "events": [event, ...]}
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from gateway.replay.lines import meaning_of, read_rows
from gateway.replay.recording import Event, Moment, Recording, RecordingError

KIND = "recording"
VERSION = 1


class Header(msgspec.Struct, frozen=True):
    """The first line of a recording."""

    grandstand: str
    version: int
    match_id: str
    title: str
    game: str
    state: dict[str, Any]
    rules: str = "scoreboard"


def is_recording(row: dict[str, Any]) -> bool:
    """Whether the first line of a file says that it is one of ours."""
    return row.get("grandstand") == KIND


def open_grandstand(path: Path) -> Recording:
    """Reads a recording whole, so that an error in it shows before anything is played."""
    rows = read_rows(path)
    line, first = next(rows, (1, {}))
    if not is_recording(first):
        raise RecordingError(str(path), 'not a recording: the first line has no "grandstand": "recording"', line)
    try:
        header = msgspec.convert(first, Header)
    except msgspec.ValidationError as error:
        raise RecordingError(str(path), f"bad header ({error})", line) from error
    if header.version != VERSION:
        raise RecordingError(str(path), f"version {header.version} is not known (this one reads {VERSION})", line)
    moments: list[Moment] = []
    for line, row in rows:
        with meaning_of(str(path), line):
            moments.append(_moment(row, moments[-1][0] if moments else 0))
    duration_ms = moments[-1][0] if moments else 0
    return Recording(header.match_id, header.title, header.game, header.state, moments, duration_ms, rules=header.rules)


def _moment(row: dict[str, Any], before_ms: int) -> Moment:
    t_ms, events = row["t_ms"], row["events"]
    if type(t_ms) is not int or not isinstance(events, list) or not events:
        raise ValueError("a moment is {t_ms: integer, events: [event, ...]}")
    if t_ms < before_ms:
        raise ValueError(f"time goes back from {before_ms} to {t_ms}")
    for event in events:
        if not isinstance(event, dict) or not isinstance(event.get("op"), str):
            raise ValueError("an event is an object with an op")
        if event["op"] == "reset":
            raise ValueError("reset stands in the header, as the state, and nowhere else")
    return t_ms, events


class Writer:
    """Writes a recording line by line; a plain file holds all that is written after each `flush()`.

    Raises:
        RecordingError: from every method, when the file cannot be written.
    """

    def __init__(self, file: IO[bytes], path: Path, header: Header) -> None:
        self._file = file
        self._path = path
        self._before_ms = 0
        self._write(header)

    def moment(self, t_ms: int, events: list[Event]) -> None:
        """Adds one moment; a time before the last one counts as the last one (publishers' clocks can step back)."""
        self._before_ms = max(self._before_ms, t_ms)
        self._write({"t_ms": self._before_ms, "events": events})

    def flush(self) -> None:
        """Hands what is written to the system."""
        with _writing(self._path):
            self._file.flush()

    def _write(self, line: Any) -> None:
        with _writing(self._path):
            self._file.write(msgspec.json.encode(line) + b"\n")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecordingError(str(path), error.strerror or "cannot be written") from error


@contextmanager
def recording_file(path: Path, header: Header) -> Iterator[Writer]:
    """A recording to write to `path`, gzipped when the name ends in `.gz`."""
    with _writing(path):
        # No time stamp in the file: the same recording gives the same bytes.
        opened = gzip.GzipFile(path, "wb", mtime=0) if path.suffix == ".gz" else path.open("wb")
    file = cast("IO[bytes]", opened)
    try:
        yield Writer(file, path, header)
    finally:
        with _writing(path):
            file.close()


def write_recording(recording: Recording, path: Path) -> None:
    """Writes a whole recording to a file."""
    header = Header(
        KIND, VERSION, recording.match_id, recording.title, recording.game, recording.state, recording.rules
    )
    with recording_file(path, header) as writer:
        for t_ms, events in recording.events:
            writer.moment(t_ms, events)

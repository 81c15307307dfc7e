"""Reading NDJSON and JSON files, plain or gzipped, with bounds and with errors that name the line.

Owns the limits on what a file may hold; never knows what a row means.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from gateway.replay.recording import RecordingError

# The longest line; a snapshot of a large match is some 100 KB, so this is far above anything real.
MAX_LINE_BYTES = 4 * 1024 * 1024
# The most a file may unpack to: two hours at 30 Hz with twenty players are about 150 MB.
MAX_FILE_BYTES = 1024 * 1024 * 1024
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"

Row = dict[str, Any]


def _open(path: Path) -> IO[bytes]:
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP_MAGIC
        return cast("IO[bytes]", gzip.open(path, "rb")) if zipped else path.open("rb")
    except OSError as error:
        raise RecordingError(str(path), error.strerror or "cannot be opened") from error


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, each with its number from 1."""
    number = total_bytes = 0
    with _open(path) as file:
        while True:
            try:
                line = file.readline(MAX_LINE_BYTES + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
                raise RecordingError(str(path), f"cannot be unpacked ({error})", number + 1) from error
            if not line:
                return
            number += 1
            total_bytes += len(line)
            if len(line) > MAX_LINE_BYTES:
                raise RecordingError(str(path), f"a line is longer than {MAX_LINE_BYTES} bytes", number)
            if total_bytes > MAX_FILE_BYTES:
                raise RecordingError(str(path), f"holds more than {MAX_FILE_BYTES} bytes", number)
            if not line.isspace():
                yield number, line


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """The rows of an NDJSON file, each a JSON object, with their line numbers."""
    for number, line in read_lines(path):
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecordingError(str(path), f"not JSON ({error})", number) from error
        if not isinstance(row, dict):
            raise RecordingError(str(path), "not a JSON object", number)
        yield number, row


def read_document(path: Path) -> Row:
    """A JSON file that holds one object."""
    with _open(path) as file:
        try:
            data = file.read(MAX_DOCUMENT_BYTES + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
            raise RecordingError(str(path), f"cannot be unpacked ({error})") from error
    if len(data) > MAX_DOCUMENT_BYTES:
        raise RecordingError(str(path), f"holds more than {MAX_DOCUMENT_BYTES} bytes")
    return parse_document(str(path), data)


def parse_document(where: str, data: bytes) -> Row:
    """One JSON object; `where` names its origin in errors."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(where, f"not JSON ({error})") from error
    if not isinstance(document, dict):
        raise RecordingError(where, "not a JSON object")
    return document


@contextmanager
def meaning_of(where: str, line: int | None = None) -> Iterator[None]:
    """Inside it, a field that is missing or of a wrong type is an error that names the line."""
    try:
        yield
    except KeyError as error:
        raise RecordingError(where, f"{error.args[0]!r} is missing or unknown", line) from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise RecordingError(where, f"a field has a wrong type or value ({error})", line) from error

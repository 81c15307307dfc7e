"""Reading files: what is wrong with one is told with its name and line, and nothing else is raised."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from gateway.replay import lines
from gateway.replay.recording import RecordingError


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_plain_and_gzipped_files_read_alike(tmp_path: Path) -> None:
    text = b'{"a":1}\n\n{"b":2}\n'
    plain, zipped = write(tmp_path / "x.ndjson", text), write(tmp_path / "y.bin", gzip.compress(text))
    rows = [(1, {"a": 1}), (3, {"b": 2})]
    assert list(lines.read_rows(plain)) == list(lines.read_rows(zipped)) == rows


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{"a":1}\n{"b":\n', 2, "not JSON"),
        ('{"a":1}\n[1]\n', 2, "not a JSON object"),
        (b'{"a":1}\n{"b":"\xff"}\n', 2, "not JSON"),
        ('{"a":' + "[" * 100_000 + "}\n", 1, "not JSON"),
    ],
)
def test_bad_rows_are_told_with_their_line(tmp_path: Path, text: str | bytes, line: int, reason: str) -> None:
    path = write(tmp_path / "x.ndjson", text)
    with pytest.raises(RecordingError) as caught:
        list(lines.read_rows(path))
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:{line}: {reason}")
    assert "\n" not in str(caught.value)


def test_a_gzip_file_that_is_cut_short_is_an_error_with_its_line(tmp_path: Path) -> None:
    rows = b"".join(b'{"row":%d}\n' % number for number in range(50_000))
    path = write(tmp_path / "x.ndjson.gz", gzip.compress(rows)[:-20_000])
    with pytest.raises(RecordingError, match="cannot be unpacked") as caught:
        list(lines.read_rows(path))
    assert caught.value.line is not None
    assert caught.value.line > 1


def test_a_broken_gzip_body_is_an_error(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b'{"row":1}\n' * 100))
    data[12] ^= 0xFF
    with pytest.raises(RecordingError):
        list(lines.read_rows(write(tmp_path / "x.gz", bytes(data))))


def test_a_missing_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        list(lines.read_rows(tmp_path / "none.ndjson"))


def test_bounds_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100)
    monkeypatch.setattr(lines, "MAX_FILE_BYTES", 1000)
    long_line = write(tmp_path / "long.ndjson", '{"a":1}\n{"a":"' + "x" * 200 + '"}\n')
    with pytest.raises(RecordingError, match="longer than 100 bytes") as caught:
        list(lines.read_rows(long_line))
    assert caught.value.line == 2
    # A gzip bomb in small: what it unpacks to counts, not its size.
    bomb = write(tmp_path / "bomb.gz", gzip.compress(b'{"a":1}\n' * 10_000))
    with pytest.raises(RecordingError, match="more than 1000 bytes"):
        list(lines.read_rows(bomb))

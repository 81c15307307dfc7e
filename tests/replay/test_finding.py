"""From names to recordings: what a folder holds, and what a name that is none of ours is told."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from gateway.replay.finding import discover, open_recording
from gateway.replay.recording import RecordingError
from gateway.replay.simulator import Simulation, simulate
from gateway.replay.sources.grandstand import write_recording
from tests.replay.conftest import FOLDERS


def test_the_recorded_matches_are_found_and_open(matches: Path) -> None:
    found = {entry.name: entry for entry in discover(matches)}
    assert set(FOLDERS) <= set(found)
    games = {found[name].open().game for name in FOLDERS}
    assert games == {"dota2", "rocket-league", "football"}


def test_recordings_of_our_own_are_found(tmp_path: Path) -> None:
    write_recording(simulate(Simulation(duration_s=10)), tmp_path / "final.ndjson.gz")
    (tmp_path / "notes.txt").write_text("not a match")
    (tmp_path / "empty").mkdir()
    (entry,) = discover(tmp_path)
    assert entry.name == "final"
    assert entry.open().game == "arena"


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert discover(tmp_path / "none") == []


def test_a_name_that_is_nothing_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file or folder"):
        open_recording(str(tmp_path / "none.ndjson"))
    with pytest.raises(RecordingError, match=r"no events\.ndjson"):
        open_recording(str(tmp_path))


def test_an_unknown_game_is_told(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"game": "chess"}')
    (tmp_path / "events.ndjson.gz").write_bytes(gzip.compress(b'{"t":0,"type":"e4"}\n'))
    with pytest.raises(RecordingError, match="unknown game 'chess'"):
        open_recording(str(tmp_path))


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"t":1,"type":"levitate"}', "unknown type of event 'levitate'"),
        ('{"type":"clock"}', "'t' is missing"),
        ('{"t":1}', "'type' is missing"),
        ('{"t":1,', "not JSON"),
    ],
)
def test_a_bad_row_names_its_line(matches: Path, tmp_path: Path, folder: str, row: str, reason: str) -> None:
    good = gzip.decompress((matches / folder / "events.ndjson.gz").read_bytes()).splitlines()[:3]
    (tmp_path / "meta.json").write_bytes((matches / folder / "meta.json").read_bytes())
    (tmp_path / "events.ndjson").write_bytes(b"\n".join([*good, row.encode()]) + b"\n")
    with pytest.raises(RecordingError, match=reason) as caught:
        open_recording(str(tmp_path))
    assert caught.value.line == 4


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_sheet_without_players_is_an_error_that_names_it(matches: Path, tmp_path: Path, folder: str) -> None:
    game = {"dota2-ti8-final-g5": "Dota 2", "rocket-league-rlcs-s8": "Rocket League"}.get(folder, "football")
    (tmp_path / "meta.json").write_text(f'{{"game": "{game}", "teams": {{}}}}')
    (tmp_path / "events.ndjson.gz").write_bytes((matches / folder / "events.ndjson.gz").read_bytes())
    with pytest.raises(RecordingError, match="'players' is missing"):
        open_recording(str(tmp_path))

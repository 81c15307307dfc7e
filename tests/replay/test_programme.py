"""What a demonstration chooses to play, and where it begins."""

from __future__ import annotations

from pathlib import Path

from gateway.replay.programme import (
    LEAD_IN_S,
    channel_of,
    interesting_start_ms,
    matches_folder,
    programme,
    speed_of,
)
from gateway.replay.recording import Recording
from tests.replay.conftest import FOLDERS


def test_without_recordings_three_simulated_matches_play(tmp_path: Path) -> None:
    shows = programme(tmp_path)
    ids = [show.recording(number).match_id for number in (0, 1) for show in shows]
    assert ids == [f"arena-{number}" for number in range(1, 7)]
    assert all(show.simulated for show in shows)


def test_recordings_and_one_simulated_match_play(matches: Path) -> None:
    shows = programme(matches)
    assert {show.recording(0).match_id for show in shows} >= {*FOLDERS, "arena-1"}
    assert sum(show.simulated for show in shows) == 1


def test_a_first_round_begins_just_before_something_happens(matches: Path) -> None:
    for show in programme(matches):
        recording = show.recording(0)
        speed = speed_of(recording)
        start_ms = interesting_start_ms(recording, speed)
        ops = ("kill", "score", "objective")
        headlines = [t_ms for t_ms, events in recording.events if any(event["op"] in ops for event in events)]
        following = min(t_ms for t_ms in headlines if t_ms > start_ms)
        # Seconds of the one who watches.
        assert (following - start_ms) / 1000 / speed <= LEAD_IN_S
        assert start_ms < recording.duration_ms * 3 // 4


def test_a_match_without_headlines_begins_at_the_beginning() -> None:
    assert interesting_start_ms(Recording("m", "t", "arena", {}, [(0, [{"op": "clock"}])], 0), 1.0) == 0


def test_names_of_files_become_names_of_channels() -> None:
    assert channel_of("final 2018 (best).v2") == "match:final-2018--best-.v2"
    assert channel_of("") == "match:unnamed"
    assert len(channel_of("x" * 500)) == len("match:") + 128


def test_the_folder_is_the_one_that_is_named(tmp_path: Path) -> None:
    assert matches_folder({"GRANDSTAND_MATCHES": str(tmp_path)}) == tmp_path
    assert matches_folder({}) == Path(__file__).resolve().parents[3] / "shared" / "data"
    # An installed package has no checkout, and names no folder beside it.
    assert matches_folder({}, tmp_path / "site-packages" / "gateway") is None
    assert len(programme(None)) == 3

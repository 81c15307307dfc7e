"""The commands that play and record: what they print, and one line with exit code 2 when something is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.commands import app
from gateway.replay.finding import open_recording
from gateway.replay.fold import fold_file
from gateway.replay.simulator import Simulation, simulate
from tests.replay.conftest import running_store


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own settings, and no embedded store in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRANDSTAND_CONFIG", raising=False)
    monkeypatch.delenv("GRANDSTAND_BUS__URL", raising=False)


@pytest.fixture
def store_url(tmp_path: Path) -> Iterator[str]:
    """The URL of a real Valkey."""
    with running_store(tmp_path / "store") as url:
        yield url


def test_a_match_is_simulated_to_a_file_replayed_and_recorded_to_the_same_document(
    tmp_path: Path, store_url: str
) -> None:
    first, second = tmp_path / "first.ndjson.gz", tmp_path / "second.ndjson.gz"
    runner = CliRunner()
    settings = ["--seed", "9", "--duration", "20", "--json"]
    simulated = runner.invoke(app, ["simulate", *settings, "--output", str(first)])
    assert json.loads(simulated.stdout) == {
        "output": str(first), "match": "arena-9", "bytes": first.stat().st_size,
    }  # fmt: skip
    played = runner.invoke(app, ["replay", str(first), "--speed", "0", "--bus", store_url, "--json"])
    assert played.exit_code == 0, played.output
    line = json.loads(played.stdout)
    assert (line["channel"], line["outcome"], line["t_ms"]) == ("match:arena-9", "finished", 20_000)
    recorded = runner.invoke(app, ["record", "match:arena-9", str(second), "--bus", store_url, "--json"])
    assert recorded.exit_code == 0, recorded.output
    assert json.loads(recorded.stdout)["ended"] == "match ended"
    expected = fold_file(simulate(Simulation(seed=9, duration_s=20)))
    assert fold_file(open_recording(str(first))) == fold_file(open_recording(str(second))) == expected


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ([], ["match:arena-4", "match:arena-4-2", "match:arena-4-3"]),
        (["--channel", "match:stage"], ["match:stage"] * 3),
    ],
)
def test_each_round_is_a_match_of_its_own_but_in_a_channel_that_is_given(
    tmp_path: Path, store_url: str, extra: list[str], expected: list[str]
) -> None:
    recording = tmp_path / "short.ndjson"
    CliRunner().invoke(app, ["simulate", "--seed", "4", "--duration", "10", "--output", str(recording)])
    loop = ["replay", str(recording), "--loop", "--pause", "0", "--speed", "0", "--bus", store_url, "--json", *extra]
    command = [sys.executable, "-m", "gateway.cli.main", *loop]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        rounds = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert [line["channel"] for line in rounds] == expected
    assert {line["match"] for line in rounds} == {"arena-4"}


def test_a_simulated_match_is_played_with_words_for_people(store_url: str) -> None:
    arguments = ["simulate", "--duration", "10", "--speed", "0", "--channel", "match:x", "--bus", store_url]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "match:x: played to the end" in result.stdout


def test_the_embedded_store_that_runs_here_is_found(tmp_path: Path) -> None:
    with running_store(tmp_path / ".grandstand" / "store"):
        result = CliRunner().invoke(app, ["simulate", "--duration", "10", "--speed", "0", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["outcome"] == "finished"


BAD = "x.ndjson"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["replay", "none.ndjson", "--bus", "redis://127.0.0.1:1"], "none.ndjson: no such file or folder"),
        (["replay", BAD, "--bus", "redis://127.0.0.1:1"], "x.ndjson:2: not JSON"),
        (["replay", "opendota:x", "--bus", "redis://127.0.0.1:1"], "opendota:x: a match id is a number"),
        (["replay", BAD], "bus.url: no store is set"),
        (["replay", BAD, "--bus", "http://x"], "bus.url: is not a redis://"),
        (["simulate", "--duration", "1", "--output", "y.ndjson"], "duration_s must be from 10"),
        (["simulate", "--output", "none/y.ndjson"], "none/y.ndjson: No such file or directory"),
        (["simulate", "--channel", "Match 1", "--bus", "redis://127.0.0.1:1"], "'Match 1' is not a channel"),
        (["record", "nothing", "y.ndjson", "--bus", "redis://127.0.0.1:1"], "'nothing' is not a channel"),
        (["record", "match:1", "y.ndjson", "--bus", "redis://127.0.0.1:1"], "the store cannot be reached"),
        (["simulate", "--bus", "redis://127.0.0.1:1"], "the store cannot be reached"),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(tmp_path: Path, arguments: list[str], reason: str) -> None:
    header = {"grandstand": "recording", "version": 1, "match_id": "m", "title": "T", "game": "arena", "state": {}}
    (tmp_path / BAD).write_text(json.dumps(header) + "\n{\n")
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == (1 if "the store" in reason else 2), "1 is for what may be better later"
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("grandstand: ")
    assert reason in line
    assert not result.stdout

"""The demonstration as a process: matches play, a page's request is answered, Ctrl-C ends everything."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.page import page
from tests.patience import until

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 60.0


class Demonstration:
    """A running `grandstand demo`."""

    def __init__(self, process: subprocess.Popen[str], output: Path) -> None:
        self.process = process
        self.output = output

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first place in its output that matches."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            found = re.search(pattern, self.output.read_text())
            if found:
                return found
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in:\n{self.output.read_text()}")


def snapshot(url: str, channel: str) -> dict[str, Any] | None:
    """A channel's document over HTTP."""
    try:
        with urllib.request.urlopen(f"{url}/v1/channels/{channel}", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        error.close()
        return None


@contextmanager
def demonstration(tmp_path: Path, matches: Path) -> Iterator[Demonstration]:
    """`grandstand demo` on a free port."""
    environment = os.environ | {
        "GRANDSTAND_LISTEN__PORT": "0",
        "GRANDSTAND_ADMIN__PORT": "0",
        "GRANDSTAND_MATCHES": str(matches),
        "TMPDIR": str(tmp_path),
    }
    output = tmp_path / "output.txt"
    command = [sys.executable, "-u", "-c", "import typer; from gateway.cli.demo import demo; typer.run(demo)"]
    with output.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, text=True, start_new_session=True
        )
    try:
        yield Demonstration(process, output)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        # pytest shows it when something has failed.
        print(output.read_text())


def score(url: str, channel: str, team: str) -> int:
    """The team's, as its snapshot over HTTP says it; -1 while there is none."""
    seen = snapshot(url, channel)
    return int(seen["state"]["teams"][team]["score"]) if seen is not None else -1


def wait_for_change(url: str, channel: str) -> None:
    """Until the channel is there and has moved on."""
    versions: set[str] = set()

    def moved() -> bool:
        seen = snapshot(url, channel)
        versions.update([seen["version"]] if seen is not None else [])
        return len(versions) > 1

    until(moved, f"{channel} to move")


def wait_for_viewers(url: str, wanted: dict[str, int]) -> None:
    """Until the list of matches tells of these viewers."""

    def counted() -> dict[str, int | None]:
        with urllib.request.urlopen(f"{url}/v1/matches", timeout=60) as answer:
            return {match["id"]: match.get("viewers") for match in json.load(answer)["matches"]}

    until(lambda: counted() == wanted, lambda: f"viewers to be {wanted}: they are {counted()}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_simulated_matches_play_and_a_signal_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    with demonstration(tmp_path, tmp_path / "none") as demo:
        url = demo.wait_for(r"Grandstand is at (\S+),")[1]
        demo.wait_for("Ctrl-C ends everything")
        for name in ("arena-1", "arena-2", "arena-3"):
            wait_for_change(url, f"match:{name}")
        seen = snapshot(url, "match:arena-1")
        assert seen is not None
        assert seen["state"]["game"] == "arena"
        assert seen["state"]["clock"]["t_ms"] > 0
        # Its viewers are real ones, counted as any.
        wait_for_viewers(url, {"arena-1": 5, "arena-2": 3, "arena-3": 2})
        # To the whole group, as a terminal does it.
        os.killpg(demo.process.pid, number)
        assert demo.process.wait(STOP_TIMEOUT_S) == 0, demo.output.read_text()
        assert "Traceback" not in demo.output.read_text()
        # Store, sockets and metrics are gone with it.
        assert [path.name for path in tmp_path.iterdir()] == ["output.txt"]


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """One with simulated matches, which ends as it should whatever was done beside it."""
    directory = tmp_path_factory.mktemp("playing")
    with demonstration(directory, directory / "none") as demo:
        demo.wait_for("Ctrl-C ends everything")
        yield demo
        os.killpg(demo.process.pid, signal.SIGINT)
        assert demo.process.wait(STOP_TIMEOUT_S) == 0, demo.output.read_text()


def test_a_second_one_does_not_share_the_port_of_the_first(playing: Demonstration) -> None:
    port = playing.wait_for(r"Grandstand is at http://localhost:(\d+),")[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRANDSTAND_")}
    command = [sys.executable, "-m", "gateway.cli.main", "demo", "--port", port]
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=START_TIMEOUT_S)
    assert second.returncode == 2
    (line,) = second.stderr.splitlines()
    assert line.startswith("grandstand: cannot listen")
    assert f"listen.port is {port}" in line
    assert not second.stdout


def test_recorded_matches_play_when_there_are_some(tmp_path: Path, matches: Path) -> None:
    with demonstration(tmp_path, matches) as demo:
        url = demo.wait_for(r"Grandstand is at (\S+),")[1]
        demo.wait_for("Ctrl-C ends everything")
        for name in ("dota2-ti8-final-g5", "rocket-league-rlcs-s8", "football-wc2018-final", "arena-1"):
            wait_for_change(url, f"match:{name}")
        # What was before the beginning of the first round is told first.
        football = "match:football-wc2018-final"
        until(lambda: score(url, football, "france") >= 2, lambda: f"two goals in {snapshot(url, football)}")
        told = snapshot(url, football)
        assert told is not None
        assert len(told["feed"]) > 10
        os.killpg(demo.process.pid, signal.SIGINT)
        assert demo.process.wait(STOP_TIMEOUT_S) == 0, demo.output.read_text()


PUBLISHED = """fetch(%r, { method: "POST", headers: { "content-type": "application/json" }, body: '{"op":"reset","state":{}}' })
    .then(async (answer) => [answer.status, (await answer.json()).field])"""


def test_the_viewer_of_the_readme_is_a_file_that_is_opened(playing: Demonstration, tmp_path: Path) -> None:
    code = re.search(r"```html\n(.*?)```", README, re.DOTALL)
    assert code is not None
    url = playing.wait_for(r"Grandstand is at (\S+),")[1]
    # It shows the first match that is listed.
    wait_for_viewers(url, {"arena-1": 5, "arena-2": 3, "arena-3": 2})
    file = tmp_path / "viewer.html"
    file.write_text(code[1].replace("localhost:8080", url.removeprefix("http://")))
    with page() as shown:
        shown.do("open", url=file.as_uri())
        assert shown.do("evaluate", script="origin") == "null"
        clocks: set[int] = set()

        def moves() -> bool:
            text = shown.do("evaluate", script="document.getElementById('out').textContent")
            if text:
                clocks.add(json.loads(text)["clock"]["t_ms"])
            return len(clocks) > 2

        until(moves, lambda: f"the match to go on: {clocks}")
        # Whoever looks at another site does not publish for it.
        published = shown.do("evaluate", script=PUBLISHED % f"{url}/v1/channels/match:arena-1/events")
        assert published == [403, "origin"]

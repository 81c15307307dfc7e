"""`grandstand watch` as a process against a scripted server, and what it draws of odd documents."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.watch_view import WatchView
from gateway.client import Connection, Update, Viewer
from gateway.model.viewer import Action
from tests.client.server import CHANNEL, Exchange, delta, serving, snapshot, version

TIMEOUT_S = 30.0


async def watch(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli.main", "watch", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(TIMEOUT_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def script(exchange: Exchange) -> None:
    await exchange.upgrade()
    await exchange.send(snapshot(1), delta(2))
    await exchange.until_closed()


async def test_json_lines_are_the_messages() -> None:
    async with serving(script) as url:
        code, out, err = await watch(CHANNEL, "--url", url, "--json", "--for", "5")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [line["type"] for line in lines] == ["snapshot", "delta"]
    assert (lines[1]["from"], lines[1]["version"]) == (version(1), version(2))


async def test_last_view_stays_on_the_screen() -> None:
    async with serving(script) as url:
        code, out, _ = await watch(CHANNEL, "--url", url, "--for", "5")
    assert code == 0
    assert version(2) in out
    assert "snapshots 1  deltas 1" in out


async def test_refusal_is_one_line_and_code_1() -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(404)

    async with serving(refuse) as url:
        code, out, err = await watch(CHANNEL, "--url", url, "--json")
    assert (code, out) == (1, "")
    assert err.splitlines() == [f"grandstand: {CHANNEL}: 404: the server answered 404"]


@pytest.mark.parametrize(
    "arguments", [["Match 1"], [CHANNEL, "--mode", "telepathy"], [CHANNEL, "--url", "localhost:8080"]]
)
async def test_wrong_command_is_code_2(arguments: list[str]) -> None:
    code, out, err = await watch(*arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1


def drawn(doc: dict[str, Any]) -> str:
    viewer = Viewer("http://localhost", CHANNEL)
    view = WatchView(viewer, "http://localhost", lambda: 100.0)
    message = snapshot(1, **doc)
    viewer.connection = Connection.OPEN
    viewer.state.receive(message)
    view.note(Update(Connection.OPEN, message, Action.APPLIED))
    console = Console(file=io.StringIO(), width=100)
    console.print(view)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_score_clock_and_players_are_drawn() -> None:
    text = drawn(
        {
            "title": "Final",
            "status": "live",
            "clock": {"t_ms": 61_000, "running": False, "period": "2nd"},
            "teams": {"b": {"name": "Blue", "score": 1, "order": 1}, "r": {"name": "Red", "score": 2, "order": 0}},
            "players": {"p1": {"name": "Ann", "team": "r", "kills": 1}, "p2": {"name": "Bo", "team": "b", "kills": 3}},
        }
    )
    assert "Final" in text
    assert "Red  2   Blue  1" in text
    assert "1:01 (stopped)  2nd" in text
    assert text.index("Bo") < text.index("Ann")


@pytest.mark.parametrize(
    "doc",
    [
        {},
        {"teams": [1, 2], "players": "none", "clock": 7, "title": None},
        {"teams": {"a": 1, "b": {"order": "x"}}, "players": {"p": {"kills": {"a": 1}}}, "clock": {"t_ms": "soon"}},
        {"title": "[bold]not markup[/nope]", "players": {"p": {"name": "[/]", "kills": 1}}},
    ],
)
def test_odd_documents_are_drawn_too(doc: dict[str, Any]) -> None:
    assert CHANNEL in drawn(doc)


def test_terminal_codes_of_a_publisher_are_not_obeyed() -> None:
    text = drawn(
        {"title": "\x1b]0;owned\x07", "teams": {"a": {"name": "\x1b[2J", "score": "\x1b[31m"}}, "status": "\x9b"}
    )
    assert "\x1b" not in text
    assert "\x9b" not in text

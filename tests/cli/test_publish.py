"""`grandstand publish`: events into a real store, from the command line and from standard input."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from gateway.bus.connect import open_bus, open_publisher
from gateway.bus.embedded import EmbeddedValkey
from tests.cli.conftest import environment, grandstand
from tests.patience import PATIENCE_S

RESET = '{"op":"reset","state":{"title":"Final"}}'


async def published(store: EmbeddedValkey, channel: str) -> list[tuple[str, bytes]]:
    bus = open_bus(store.url, "poll")
    try:
        return [(str(entry.position), entry.raw) for entry in await bus.read(channel, None, None, 100)]
    finally:
        await bus.close()


def publish(store: EmbeddedValkey, tmp_path: Path, *arguments: str, given: str | None = None) -> tuple[int, str, str]:
    result = grandstand("publish", *arguments, "--set", f"bus.url={store.url}", cwd=tmp_path, given=given)
    return result.returncode, result.stdout, result.stderr


async def test_one_event_and_the_next_epoch(store: EmbeddedValkey, tmp_path: Path) -> None:
    assert publish(store, tmp_path, "match:1", RESET) == (0, "match:1 1-0\n", "")
    assert (
        publish(store, tmp_path, "match:1", '{"op":"kill"}', "--json")[1] == '{"channel":"match:1","position":"1-1"}\n'
    )
    assert publish(store, tmp_path, "match:1", RESET)[1] == "match:1 2-0\n"
    assert await published(store, "match:1") == [
        ("1-0", RESET.encode()),
        ("1-1", b'{"op":"kill"}'),
        ("2-0", RESET.encode()),
    ]


async def test_lines_of_standard_input(store: EmbeddedValkey, tmp_path: Path) -> None:
    lines = f'{RESET}\n\n{{"op":"kill"}}\n[{{"op":"score"}},{{"op":"clock"}}]'
    code, out, _ = publish(store, tmp_path, "match:2", given=lines)
    assert (code, out) == (0, "match:2 1-0\nmatch:2 1-1\nmatch:2 1-2\n")
    assert len(await published(store, "match:2")) == 3


async def test_what_is_not_an_event_ends_it_after_what_came_before(store: EmbeddedValkey, tmp_path: Path) -> None:
    code, out, err = publish(store, tmp_path, "match:3", given=f"{RESET}\nnot json\n{RESET}\n")
    assert (code, out) == (2, "match:3 1-0\n")
    assert err == "grandstand: line 2 is not an event: not_json\n"


async def test_a_channel_begins_with_a_reset(store: EmbeddedValkey, tmp_path: Path) -> None:
    code, _, err = publish(store, tmp_path, "match:4", '{"op":"kill"}')
    assert (code, err) == (2, "grandstand: line 1: match:4 does not exist yet; its first event is a reset\n")


async def test_the_embedded_store_that_runs_here_is_found(store: EmbeddedValkey, tmp_path: Path) -> None:
    arguments = ("publish", "match:5", RESET, "--set", "bus.embedded_dir=store")
    assert grandstand(*arguments, cwd=tmp_path).stdout == "match:5 1-0\n"
    assert grandstand(*arguments[:3], cwd=tmp_path).returncode == 2, "none runs in the default folder"


async def piped(store: EmbeddedValkey, tmp_path: Path, channel: str) -> asyncio.subprocess.Process:
    """The command with an open pipe, after it has published a reset."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli.main", "publish", channel, "--set", f"bus.url={store.url}", "--json",
        cwd=tmp_path, env=environment(), stdin=-1, stdout=-1, stderr=-1,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(RESET.encode() + b"\n")
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    assert json.loads(line)["position"] == "1-0", "it is published at once, not when the pipe ends"
    return process


async def test_a_signal_ends_it_while_it_waits_for_a_line(store: EmbeddedValkey, tmp_path: Path) -> None:
    process = await piped(store, tmp_path, "match:6")
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def test_a_publisher_that_was_overtaken_stops(store: EmbeddedValkey, tmp_path: Path) -> None:
    process = await piped(store, tmp_path, "match:7")
    publisher = open_publisher(store.url)
    await publisher.append_idempotent("match:7", None, None, RESET.encode(), 1, True)
    await publisher.close()
    _, err = await asyncio.wait_for(process.communicate(b'{"op":"kill"}\n'), PATIENCE_S)
    assert process.returncode == 1
    assert err == b"grandstand: line 2: somebody else has opened epoch 2 of match:7\n"

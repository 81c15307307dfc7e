"""The golden vectors for viewers, through the whole client: each step's message over a real WebSocket, in both encodings."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.client import Mode, Viewer
from tests.client.server import CHANNEL, Exchange, serving

CASES = json.loads((Path(__file__).parent.parent / "vectors" / "viewer.json").read_text())
TIMEOUT_S = 10.0


@pytest.mark.parametrize("mode", ["websocket", "msgpack"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
async def test_viewer_vector(case: dict[str, Any], mode: Mode) -> None:
    steps = case["steps"]

    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        for step in steps:
            if exchange.packed:
                await exchange.frame(msgspec.msgpack.encode(step["message"]), 2)
            else:
                await exchange.frame(msgspec.json.encode(step["message"]), 1)
        await exchange.until_closed()

    actions: list[str] = []
    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL, mode=mode)
        async with asyncio.timeout(TIMEOUT_S), aclosing(viewer.updates()) as updates:
            async for update in updates:
                if update.action is not None:
                    actions.append(update.action.value)
                if len(actions) == len(steps):
                    break
    assert actions == [step["action"] for step in steps]
    assert (viewer.doc, viewer.version, viewer.state.since) == (case["document"], case["version"], case["since"])
    assert viewer.counts.malformed == actions.count("malformed")

"""What the gateway says of a page: the document that it should hold, and the worker that holds its connection."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.system.gateway import GatewayProcess


def document(served: GatewayProcess, channel: str) -> dict[str, Any]:
    """What the gateway has now; to be asked again each time, as the worker that answers may be a flush behind."""
    with urllib.request.urlopen(f"{served.url}/v1/channels/{channel}", timeout=60) as answer:
        snapshot = json.load(answer)
    return {"version": snapshot["version"], "state": snapshot["state"]}


def connected_worker(served: GatewayProcess) -> int:
    """The process that holds the page's WebSocket; those of other workers, which follow its channels, are not the page's."""
    holders = [
        worker["pid"] for worker in served.workers() if worker["connections"]["ws"] > int(worker["sibling_connections"])
    ]
    assert len(holders) == 1, "the page holds one connection"
    return int(holders[0])

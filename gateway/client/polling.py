"""A viewer by plain HTTP: asks for the snapshot again and again; an unchanged version costs a 304 without a body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import httpx

from gateway.client.errors import Lost
from gateway.client.source import CONNECT_TIMEOUT_S, Address, refusal
from gateway.model.errors import BadMessage
from gateway.model.messages import ServerMessage, Snapshot, decode_server_json


async def fetch_snapshot(client: httpx.AsyncClient, address: Address, etag: str | None = None) -> Snapshot | None:
    """The channel's state now; None when it is the one that `etag` (a version) names.

    Raises:
        Refused, Lost
    """
    headers = address.headers()
    if etag:
        headers["If-None-Match"] = f'"{etag}"'
    try:
        response = await client.get(address.snapshot_url, headers=headers)
    except httpx.HTTPError as error:
        raise Lost(f"cannot be reached ({type(error).__name__})") from error
    if response.status_code == 304 and etag:
        return None
    if response.status_code != 200:
        raise refusal(response.status_code, response.content, response.headers)
    try:
        message = decode_server_json(response.content)
    except BadMessage as bad:
        raise Lost(bad.detail) from bad
    if not isinstance(message, Snapshot):
        raise Lost("the answer is not a snapshot")
    if response.headers.get("etag", "").removeprefix("W/") != f'"{message.version}"':
        raise Lost("the answer's ETag is not its version")
    return message


def http_client() -> httpx.AsyncClient:
    """A client that takes nothing from the environment."""
    return httpx.AsyncClient(timeout=CONNECT_TIMEOUT_S, trust_env=False)


class PollingSource:
    """Watches a channel by polling.

    Args:
        interval_s: between an answer and the next question.
    """

    def __init__(self, address: Address, interval_s: float = 1.0) -> None:
        self._address = address
        self._interval_s = interval_s

    async def messages(self, since: str | None) -> AsyncGenerator[ServerMessage, None]:
        """Snapshots as the version changes; see `Source`."""
        held = since
        async with http_client() as client:
            while True:
                snapshot = await fetch_snapshot(client, self._address, held)
                if snapshot is not None:
                    held = snapshot.version
                    yield snapshot
                await asyncio.sleep(self._interval_s)

    def ask_again(self, since: str | None) -> bool:
        """Every question is asked anew anyway."""
        return False

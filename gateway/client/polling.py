"""A viewer by plain HTTP: asks for the snapshot again and again; an unchanged version costs a 304 without a body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import httpx

from gateway.client.errors import Lost
from gateway.client.source import CONNECT_TIMEOUT_S, Address, body_of, refusal
from gateway.model import status_header
from gateway.model.errors import BadMessage
from gateway.model.messages import Beat, Snapshot, Tick, decode_server_json
from gateway.model.viewer import Heard, Malformed


async def fetch_snapshot(client: httpx.AsyncClient, address: Address, etag: str | None = None) -> list[Heard]:
    """The channel's state now, or a tick when it is the one that `etag` (a version) names; and how the channel is doing.

    Raises:
        Refused, Lost
    """
    headers = address.headers()
    if etag:
        headers["If-None-Match"] = f'"{etag}"'
    try:
        async with client.stream("GET", address.snapshot_url, headers=headers) as response:
            body = await body_of(response)
    except httpx.HTTPError as error:
        raise Lost(f"cannot be reached ({type(error).__name__})") from error
    if response.status_code == 304 and etag:
        return _with_status(Tick(address.channel, etag), response)
    if response.status_code != 200:
        raise refusal(response.status_code, body, response.headers)
    try:
        message = decode_server_json(body)
    except BadMessage as bad:
        return [Malformed(bad.detail)]
    if not isinstance(message, Snapshot):
        return [Malformed("the answer is not a snapshot")]
    if response.headers.get("etag", "").removeprefix("W/") != f'"{message.version}"':
        raise Lost("the answer's ETag is not its version")
    return _with_status(message, response)


def _with_status(message: Snapshot | Tick, response: httpx.Response) -> list[Heard]:
    """A cache may keep the body and renew the header, so the header is the newer of the two."""
    status = status_header.read(message.channel, response.headers.get(status_header.NAME))
    return [message] if status is None else [message, status]


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

    async def messages(self, since: str | None) -> AsyncGenerator[Heard, None]:
        """Snapshots as the version changes, ticks where it does not, and the status; see `Source`."""
        held = since
        async with http_client() as client:
            while True:
                for message in await fetch_snapshot(client, self._address, held):
                    match message:
                        case Snapshot():
                            held = message.version
                        case Malformed():
                            held = None
                    yield message
                await asyncio.sleep(self._interval_s)

    def tell(self, beat: Beat) -> bool:
        """Nothing can be said this way."""
        return False

    def ask_again(self, since: str | None) -> bool:
        """Every question is asked anew anyway."""
        return False

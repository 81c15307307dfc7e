"""Where a viewer's messages come from: one connection at a time, over WebSocket, event stream or plain HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from gateway.client.errors import ClientError, Lost, Refused
from gateway.model.messages import Beat
from gateway.model.reconnect import ASKED_MAX_MS
from gateway.model.viewer import Heard

CONNECT_TIMEOUT_S = 10.0
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
ANSWER_TIMEOUT_S = 30.0
"""An answer is whole by then, however slowly it comes."""
ANSWER_MAX_BYTES = 16 << 20
DETAIL_MAX = 200
DELAY_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
"""`Retry-After` in seconds (RFC 9110 section 10.2.3); a date is passed over."""


class Source(Protocol):
    """One way to watch one channel."""

    def messages(self, since: str | None) -> AsyncGenerator[Heard, None]:
        """One connection's messages, from the version held; close it to leave.

        Raises:
            Refused, Lost: the connection is over; it also raises Lost when the server ended it in good order.
        """
        ...

    def tell(self, beat: Beat) -> bool:
        """Says how the viewer does on the open connection; False where that is no way to."""
        ...

    def ask_again(self, since: str | None) -> bool:
        """Asks for what leads on from `since`, on the connection that is open; False: it must be made anew."""
        ...


class Address:
    """A gateway's address and the channel wanted there.

    Args:
        url: origin of the gateway: http, https, ws or wss.

    Raises:
        ValueError: not such a URL.
    """

    def __init__(self, url: str, channel: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
            raise ValueError(f"not the address of a gateway: {url!r}")
        secure = parts.scheme in ("https", "wss")
        base = f"{parts.netloc}{parts.path.rstrip('/')}"
        http, live = ("https", "wss") if secure else ("http", "ws")
        self.channel = channel
        self.token = token
        self.snapshot_url = f"{http}://{base}/v1/channels/{channel}"
        self.beats_url = f"{http}://{base}/v1/beats"
        self.stream_url = f"{self.snapshot_url}/stream"
        self.live_url = f"{live}://{base}/v1/live?channel={channel}"

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


async def body_of(response: httpx.Response) -> bytes:
    """The body of an answer whose head is there.

    Raises:
        Lost: it is larger than this client takes, or does not come to an end in time.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > ANSWER_MAX_BYTES:
                    raise Lost("the answer is larger than this client takes")
    except TimeoutError as error:
        raise Lost("the answer does not come to an end") from error
    return bytes(body)


def refusal(status: int, body: bytes, headers: httpx.Headers | None = None) -> ClientError:
    """The error for an answer that is none of those hoped for: retried where its status says so."""
    detail = _detail(status, body)
    if status not in RETRIED_STATUSES:
        return Refused(status, detail)
    after = headers.get("retry-after", "") if headers is not None else ""
    retry_after_ms = min(ASKED_MAX_MS, int(after) * 1000) if DELAY_SECONDS.fullmatch(after) else None
    return Lost(f"{status}: {detail}", retry_after_ms=retry_after_ms)


def _detail(status: int, body: bytes) -> str:
    """The words of an RFC 9457 problem document."""
    try:
        problem: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        problem = None
    if isinstance(problem, dict):
        words = problem.get("detail") or problem.get("title")
        if isinstance(words, str):
            return "".join(letter for letter in words[:DETAIL_MAX] if letter.isprintable())
    return f"the server answered {status}"

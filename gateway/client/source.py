"""Where a viewer's messages come from: one connection at a time, over WebSocket, event stream or plain HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from gateway.client.errors import ClientError, Lost, Refused
from gateway.model.messages import Beat
from gateway.model.viewer import Heard

CONNECT_TIMEOUT_S = 10.0
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
DETAIL_MAX = 200


class Source(Protocol):
    """One way to watch one channel."""

    def messages(self, since: str | None) -> AsyncGenerator[Heard, None]:
        """One connection's messages, from the version held; close it to leave.

        Raises:
            Refused, Lost: the connection is over; it also raises Lost when the server ended it in good order.
        """
        ...

    def tell(self, beat: Beat) -> bool:
        """Says how the viewer does; False where there is no way to."""
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
        self.stream_url = f"{self.snapshot_url}/stream"
        self.live_url = f"{live}://{base}/v1/live?channel={channel}"

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def refusal(status: int, body: bytes, headers: httpx.Headers | None = None) -> ClientError:
    """The error for an answer that is none of those hoped for: retried where its status says so."""
    detail = _detail(status, body)
    if status not in RETRIED_STATUSES:
        return Refused(status, detail)
    after = headers.get("retry-after", "") if headers is not None else ""
    return Lost(f"{status}: {detail}", retry_after_ms=int(after) * 1000 if after.isdigit() else None)


def _detail(status: int, body: bytes) -> str:
    """The words of an RFC 9457 problem document."""
    try:
        problem: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        problem = None
    if isinstance(problem, dict):
        words = problem.get("detail") or problem.get("title")
        if isinstance(words, str):
            return "".join(letter for letter in words[:DETAIL_MAX] if letter.isprintable())
    return f"the server answered {status}"

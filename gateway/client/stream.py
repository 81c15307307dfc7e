"""A viewer's event stream, over httpx: what a browser's EventSource does, with the token in a header."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx

from gateway.client.errors import Lost
from gateway.client.event_stream import EventStreamParser, EventTooLarge
from gateway.client.source import CONNECT_TIMEOUT_S, Address, body_of, refusal
from gateway.model.errors import BadMessage
from gateway.model.messages import Beat, decode_server_json
from gateway.model.viewer import Heard, Malformed


class StreamSource:
    """Watches a channel over an event stream."""

    def __init__(self, address: Address) -> None:
        self._address = address

    async def messages(self, since: str | None) -> AsyncGenerator[Heard, None]:
        """One stream's messages; see `Source`."""
        headers = {**self._address.headers(), "Accept": "text/event-stream", "Cache-Control": "no-store"}
        if since:
            headers["Last-Event-ID"] = since
        parser = EventStreamParser()
        timeout = httpx.Timeout(CONNECT_TIMEOUT_S, read=None)
        try:
            async with (
                httpx.AsyncClient(timeout=timeout, trust_env=False) as client,
                client.stream("GET", self._address.stream_url, headers=headers) as response,
            ):
                if response.status_code != 200:
                    raise refusal(response.status_code, await body_of(response), response.headers)
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise Lost("the answer is not an event stream")
                async for data in response.aiter_bytes():
                    for event in parser.feed(data):
                        yield _read(event.data)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Lost(f"the stream was cut ({type(error).__name__})") from error
        except EventTooLarge as error:
            raise Lost("an event is larger than this client takes") from error
        raise Lost("the server ended the stream")

    def tell(self, beat: Beat) -> bool:
        """Nothing can be said this way."""
        return False

    def ask_again(self, since: str | None) -> bool:
        """A stream cannot be asked: it must be opened anew."""
        return False


def _read(data: str) -> Heard:
    try:
        return decode_server_json(data.encode())
    except BadMessage as bad:
        return Malformed(bad.detail)

"""A JWK set (RFC 7517) read from its address."""

from __future__ import annotations

import asyncio

import httpx

FETCH_TIMEOUT_S = 5.0
BODY_MAX_BYTES = 1_048_576


class NotRead(Exception):
    """The set could not be read; the text is what kind of error it was."""


async def download(url: str) -> str:
    """The set's text, read no further than the limit.

    Raises:
        NotRead
    """
    body = bytearray()
    try:
        async with (
            httpx.AsyncClient(timeout=FETCH_TIMEOUT_S) as client,
            asyncio.timeout(2 * FETCH_TIMEOUT_S),
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > BODY_MAX_BYTES:
                    raise NotRead("TooLarge")
        return body.decode()
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeDecodeError) as error:
        raise NotRead(type(error).__name__) from error

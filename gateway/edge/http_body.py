"""The whole body of an HTTP request, refused as soon as it is larger than it may be."""

from __future__ import annotations

from starlette.requests import Request

from gateway.edge.failures import TooLarge


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The body.

    Raises:
        TooLarge
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise TooLarge(f"at most {limit_bytes} bytes are taken")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise TooLarge(f"at most {limit_bytes} bytes are taken")
    return bytes(body)

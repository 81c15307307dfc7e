"""A JSON answer that a reader may keep and ask about again: a weak validator, and caches told how long it is good for."""

from __future__ import annotations

import hashlib

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.tokens import Grant
from gateway.edge.conditional import holds

PRIVATE_CACHE = "private, no-cache"


def validated(
    request: Request, value: msgspec.Struct, grant: Grant, cache: str, telling: object | None = None
) -> Response:
    """The answer; 304 where the reader has the same already (RFC 9110 section 13.1.2).

    Args:
        cache: Cache-Control for what everybody may see; what a token was needed for is private.
        telling: what of it matters, where that is less: it is the same answer when only the time up to which it holds has moved.
    """
    body = msgspec.json.encode(value)
    same = body if telling is None else msgspec.json.encode((request.url.path, telling))
    etag = f'W/"{hashlib.blake2b(same, digest_size=12).hexdigest()}"'
    headers = {
        "etag": etag,
        "cache-control": cache if grant.subject == "" else PRIVATE_CACHE,
        "vary": "Authorization, Origin",
    }
    if holds(request.headers, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, media_type="application/json")

"""Origins: which pages' scripts may connect. A page of the gateway's own host always may (RFC 6454)."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def allowed(origin: str, host: str, origins: Collection[str]) -> bool:
    """Whether a browser's `Origin` may connect to `host` (the Host header)."""
    if "*" in origins or origin.lower() in (known.lower() for known in origins):
        return True
    try:
        parts = urlsplit(origin)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        own = urlsplit(f"{parts.scheme}://{host}")
        own_port = own.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return False
    if parts.scheme not in DEFAULT_PORTS or parts.hostname is None:
        return False
    return (parts.hostname, port) == (own.hostname, own_port)

"""Which history an address means, as far as processes must agree on it. Pure."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

NONE = "none"
LOCAL = frozenset({"", "localhost", "127.0.0.1", "[::1]"})
"""Hosts that are another machine's elsewhere; so is a Unix socket."""


def identity_of(url: str, machine: str) -> str:
    """The same for processes whose address names the same database, whoever they sign in as; tells nothing of the address.

    Args:
        url: `history.url`, of the embedded database too; empty or `none`: no history.
        machine: this machine's name, part of an address that means something else on another one.
    """
    if url in ("", NONE):
        return NONE
    parts = urlsplit(url)
    host, _, port = parts.netloc.rpartition("@")[2].rpartition(":")
    if not port.isdigit():
        host, port = parts.netloc.rpartition("@")[2], ""
    given = parse_qs(parts.query)
    host = given.get("host", [host])[0]
    port = given.get("port", [port])[0] or "5432"
    name = given.get("dbname", given.get("database", [parts.path.removeprefix("/")]))[0]
    where = machine if host in LOCAL or host.startswith("/") else ""
    return sha256("\0".join((where, host.lower(), port, name)).encode()).hexdigest()[:12]

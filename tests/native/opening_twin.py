"""Plain openings once more, in plain Python: shares no code with the native parser, and is held equal to it."""

from __future__ import annotations

import base64
import binascii
import re

FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e]*)")
TARGET = re.compile(rb"GET (/[^#\x00-\x20\x7f-\xff]*) HTTP/1\.1")
WANTED = (
    b"sec-websocket-key",
    b"host",
    b"origin",
    b"sec-websocket-protocol",
    b"sec-websocket-extensions",
    b"authorization",
    b"last-event-id",
)
ASIDE = (b"upgrade", b"connection", b"sec-websocket-version")
BODY = (b"content-length", b"transfer-encoding", b"expect")

Found = tuple[bytes | int | None, ...]


def opening_of(head: bytes) -> Found | None:
    """As `native.opening.opening_of`."""
    if not head.endswith(b"\r\n\r\n"):
        return None
    first, *lines = head[:-4].split(b"\r\n")
    request = TARGET.fullmatch(first)
    if request is None or len(lines) > 64:
        return None
    fields: dict[bytes, bytes] = {}
    for line in lines:
        field = FIELD.fullmatch(line)
        if field is None:
            return None
        name = field[1].lower()
        if name in BODY or (name in fields and name in (*WANTED, *ASIDE)):
            return None
        fields[name] = field[2].strip(b" \t")
    if not fields.get(b"host"):
        return None
    kind = _kind(request[1].partition(b"?")[0], fields)
    return (kind, request[1], *(fields.get(name) for name in WANTED)) if kind else None


def _kind(path: bytes, fields: dict[bytes, bytes]) -> int:
    if path == b"/v1/live":
        right = b"websocket" in _list(fields, b"upgrade") and b"upgrade" in _list(fields, b"connection")
        return 1 if right and fields.get(b"sec-websocket-version") == b"13" and _is_key(fields) else 0
    streams = path.startswith(b"/v1/channels/") and path.endswith(b"/stream") and len(path) > 20
    return 2 if streams and b"upgrade" not in fields else 0


def _list(fields: dict[bytes, bytes], name: bytes) -> list[bytes]:
    return [element.strip(b" \t").lower() for element in fields.get(name, b"").split(b",")]


def _is_key(fields: dict[bytes, bytes]) -> bool:
    key = fields.get(b"sec-websocket-key", b"")
    try:
        value = base64.b64decode(key, validate=True)
    except binascii.Error:
        return False
    return len(value) == 16 and base64.b64encode(value) == key

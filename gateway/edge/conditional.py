"""Conditional requests: whether a peer holds a representation already (RFC 9110 section 13.1.2). Pure."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

ENTITY_TAG_RE = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
"""RFC 9110 section 8.8.3: a tag may have commas in it."""


def holds(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match names the tag by weak comparison, or any."""
    known = ", ".join(headers.getlist("if-none-match"))
    return known.strip() == "*" or etag.removeprefix("W/") in ENTITY_TAG_RE.findall(known)

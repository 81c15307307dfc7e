"""How a channel is doing, in a header of its snapshot over HTTP: an answer without a body (304) tells it, too.

A structured item with a parameter (RFC 9651 section 3.3): `paused;behind_ms=1200`.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.model.messages import Status

NAME: Final = "Grandstand-Status"
_FORM: Final = re.compile(r"(\w+);behind_ms=([0-9]{1,15})", re.ASCII)


def write(status: Status) -> str:
    """The header's value."""
    return f"{status.status};behind_ms={max(0, status.behind_ms)}"


def read(channel: str, value: str | None) -> Status | None:
    """The status that a value tells; None where there is none, or none that is understood."""
    found = _FORM.fullmatch(value) if value is not None else None
    return Status(channel, found[1], int(found[2])) if found is not None else None

"""WebSocket extensions in the opening handshake, sans-IO: which offer of permessage-deflate is taken, and on what terms.

Sources: RFC 6455 section 9.1 (grammar), RFC 7692 sections 5 and 7.1 (negotiation and parameters). Strict: an offer with a
parameter that is unknown, repeated or out of range is declined, a header that is not a list of extensions is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.edge.failures import BadRequest

HEADER = "sec-websocket-extensions"
PERMESSAGE_DEFLATE = "permessage-deflate"

FULL_WINDOW_BITS = 15
SMALL_WINDOW_BITS = 9
"""Who asks for any smaller window than the full one gets the smallest, so that two kinds of frames serve everybody."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SPACE = re.compile(r"[ \t]*")
_BITS = re.compile(r"[89]|1[0-5]")

Parameters = list[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Agreed:
    """permessage-deflate without context takeover in either direction.

    Attributes:
        window_bits: of the server's window.
        answer: the value of the response's Sec-WebSocket-Extensions.
    """

    window_bits: int
    answer: str


class _Cursor:
    """Reads a header's value from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    @property
    def ended(self) -> bool:
        return self._at == len(self._text)

    def take(self, character: str) -> bool:
        """Moves over a delimiter; False when it is not there."""
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        self._skip()
        return True

    def token(self) -> str:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise BadRequest("the extensions are not a list as RFC 6455 has it", HEADER)
        self._at = found.end()
        self._skip()
        return found[0]

    def value(self) -> str:
        """A token, plain or in quotes."""
        quoted = _QUOTED.match(self._text, self._at)
        if quoted is None:
            return self.token()
        plain = re.sub(r"\\(.)", r"\1", quoted[1])
        if _TOKEN.fullmatch(plain) is None:
            raise BadRequest("a parameter's value is not a token", HEADER)
        self._at = quoted.end()
        self._skip()
        return plain


def parse_extensions(value: str) -> list[tuple[str, Parameters]]:
    """The offers of a Sec-WebSocket-Extensions header, in their order.

    Raises:
        BadRequest: it does not follow the grammar of RFC 6455 section 9.1.
    """
    cursor, offers = _Cursor(value), list[tuple[str, Parameters]]()
    while True:
        # Elements of a list may be empty (RFC 9110 section 5.6.1).
        while cursor.take(","):
            pass
        if cursor.ended:
            return offers
        name, parameters = cursor.token(), Parameters()
        while cursor.take(";"):
            parameter = cursor.token()
            parameters.append((parameter, cursor.value() if cursor.take("=") else None))
        offers.append((name, parameters))
        if not cursor.ended and not cursor.take(","):
            raise BadRequest("the extensions are not a list as RFC 6455 has it", HEADER)


def agree(value: str) -> Agreed | None:
    """The first offer that can be taken; None: the connection goes without extensions.

    Args:
        value: all Sec-WebSocket-Extensions headers of the request, joined by commas.

    Raises:
        BadRequest: it does not follow the grammar of RFC 6455 section 9.1.
    """
    for name, parameters in parse_extensions(value):
        if name == PERMESSAGE_DEFLATE and (agreed := _accept(parameters)) is not None:
            return agreed
    return None


def _accept(parameters: Parameters) -> Agreed | None:
    """Takes an offer or declines it (RFC 7692 section 7.1)."""
    given = dict(parameters)
    if len(given) != len(parameters):
        return None
    for name, value in parameters:
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            acceptable = value is None
        elif name == "server_max_window_bits":
            # A window of 8 bits is one that zlib cannot keep to.
            acceptable = value is not None and _BITS.fullmatch(value) is not None and int(value) >= SMALL_WINDOW_BITS
        elif name == "client_max_window_bits":
            acceptable = value is None or _BITS.fullmatch(value) is not None
        else:
            acceptable = False
        if not acceptable:
            return None
    # Both may be demanded without having been offered (sections 7.1.1.1 and 7.1.1.2): frames are shared, and nothing is kept
    # of a viewer's messages.
    answer = f"{PERMESSAGE_DEFLATE}; server_no_context_takeover; client_no_context_takeover"
    wanted = given.get("server_max_window_bits")
    if wanted is None:
        return Agreed(FULL_WINDOW_BITS, answer)
    bits = FULL_WINDOW_BITS if int(wanted) == FULL_WINDOW_BITS else SMALL_WINDOW_BITS
    return Agreed(bits, f"{answer}; server_max_window_bits={bits}")

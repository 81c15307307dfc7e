"""Request heads, sans-IO: what a connection's first bytes ask for, and whether a WebSocket upgrade is right.

Sources: RFC 9112 (message syntax), RFC 6455 section 4.2.1 (opening handshake).
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import httptools

from gateway.edge.failures import BadRequest, MethodNotAllowed, UpgradeRequired
from native.frames import accept_key

LIVE_PATH = "/v1/live"
CHANNELS_PATH = "/v1/channels/"
STREAM_SUFFIX = "/stream"
HOST = re.compile(r"[\w.~!$&'()*+,;=%:\[\]-]+", re.ASCII)
"""A host with or without a port (RFC 3986 section 3.2); two Host headers, joined, are none."""


@dataclass(slots=True)
class Request:
    """A parsed request head.

    Attributes:
        headers: names in lower case; a repeated header's values are joined by ", ".
        version: of HTTP.
        query: every parameter with all its values.
    """

    method: str = ""
    path: str = ""
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    version: str = "1.1"

    def tokens(self, name: str) -> list[str]:
        """The elements of a comma-separated header."""
        return [part.strip() for part in self.headers.get(name, "").split(",") if part.strip()]

    @property
    def upgrades(self) -> bool:
        """Whether the peer asks for a WebSocket."""
        return "websocket" in (token.lower() for token in self.tokens("upgrade")) and "upgrade" in (
            token.lower() for token in self.tokens("connection")
        )

    @property
    def streamed_channel(self) -> str | None:
        """The channel of `GET /v1/channels/{channel}/stream`; None for any other request."""
        if self.method != "GET" or not self.path.startswith(CHANNELS_PATH) or not self.path.endswith(STREAM_SUFFIX):
            return None
        return self.path[len(CHANNELS_PATH) : -len(STREAM_SUFFIX)]

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header, or of a browser's subprotocol list `bearer, <token>`."""
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and credentials:
            return credentials.strip()
        return self.subprotocol_bearer

    @property
    def subprotocol_bearer(self) -> str | None:
        """The token of a subprotocol list `bearer, <token>`."""
        protocols = self.tokens("sec-websocket-protocol")
        if "bearer" in protocols and protocols.index("bearer") + 1 < len(protocols):
            return protocols[protocols.index("bearer") + 1]
        return None


class _Collector:
    """Receives httptools' callbacks for one head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip()
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text


def parse_head(head: bytes) -> Request:
    """Parses a request head; bytes behind it are not looked at.

    Raises:
        BadRequest: not an HTTP/1.1 request.
    """
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    end = head.find(b"\r\n\r\n")
    try:
        parser.feed_data(head[: end + 4] if end >= 0 else head)
        method = parser.get_method().decode("latin-1")
    except httptools.HttpParserUpgrade:
        method = parser.get_method().decode("latin-1")
    except httptools.HttpParserError as error:
        raise BadRequest("the request is not HTTP/1.1") from error
    return Request(method, *parse_target(collector.url), collector.headers, parser.get_http_version())


def parse_target(target: bytes) -> tuple[str, dict[str, list[str]]]:
    """Path and query of a request target.

    Raises:
        BadRequest: it is not a URL.
    """
    try:
        parts = urlsplit(target.decode("ascii"))
        query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=64)
    except ValueError as error:
        raise BadRequest("the request target is not a URL", "target") from error
    return unquote(parts.path), query


def check_host(request: Request) -> None:
    """Every request of HTTP/1.1 names its host, once and rightly (RFC 9112 section 3.2).

    Raises:
        BadRequest
    """
    host = request.headers.get("host")
    if host is None and request.version == "1.0":
        return
    if not host:
        raise BadRequest("the Host header is missing", "host")
    if HOST.fullmatch(host) is None:
        raise BadRequest("the Host header is not one host", "host")


def accept_upgrade(request: Request) -> str:
    """Checks a WebSocket opening handshake.

    Returns:
        The value of Sec-WebSocket-Accept.

    Raises:
        MethodNotAllowed, UpgradeRequired, BadRequest: RFC 6455 section 4.2.1.
    """
    if request.method != "GET":
        raise MethodNotAllowed("a WebSocket is opened with GET", allowed=("GET",))
    if not request.upgrades:
        raise UpgradeRequired("this address speaks WebSocket")
    if request.headers.get("sec-websocket-version") != "13":
        raise UpgradeRequired("only version 13 of the protocol is spoken", "sec-websocket-version")
    if request.version != "1.1":
        raise BadRequest("a WebSocket is opened with HTTP/1.1")
    if "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0":
        # Whoever stands between would take for a body what is taken for frames here.
        raise BadRequest("what opens a WebSocket has no body")
    key = request.headers.get("sec-websocket-key", "")
    try:
        valid = len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except (ValueError, binascii.Error):
        valid = False
    if not valid:
        raise BadRequest("the key must be 16 bytes in base64", "sec-websocket-key")
    return accept_key(key.encode("ascii")).decode("ascii")

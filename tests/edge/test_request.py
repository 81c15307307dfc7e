"""Request heads: what is parsed, what is refused, and with which failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.failures import BadRequest, Failure, MethodNotAllowed, UpgradeRequired, response
from gateway.edge.request import accept_upgrade, check_host, parse_head

UPGRADE = {
    "Host": "h",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def head(target: str = "/v1/live", method: str = "GET", **changes: str | None) -> bytes:
    fields = {**UPGRADE, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode()


def test_rfc_6455_sample_handshake() -> None:
    assert accept_upgrade(parse_head(head())) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_target_is_split_and_unquoted() -> None:
    request = parse_head(head("/v1/live?channel=match%3A42&channel=board:kills&since=7-42.9f3ac07e"))
    assert request.path == "/v1/live"
    assert request.query == {"channel": ["match:42", "board:kills"], "since": ["7-42.9f3ac07e"]}


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"Upgrade": None}, UpgradeRequired),
        ({"Connection": "keep-alive"}, UpgradeRequired),
        ({"Sec_WebSocket_Version": "8"}, UpgradeRequired),
        ({"Content_Length": "5"}, BadRequest),
        ({"Transfer_Encoding": "chunked"}, BadRequest),
        ({"Sec_WebSocket_Key": None}, BadRequest),
        ({"Sec_WebSocket_Key": "short"}, BadRequest),
        ({"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ"}, BadRequest),
        ({"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZWFh"}, BadRequest),
    ],
)
def test_wrong_handshakes_are_refused(changes: dict[str, str | None], failure: type[Failure]) -> None:
    with pytest.raises(failure):
        accept_upgrade(parse_head(head(**changes)))


def test_a_websocket_is_not_opened_with_an_older_http() -> None:
    with pytest.raises(BadRequest):
        accept_upgrade(parse_head(head().replace(b"HTTP/1.1", b"HTTP/1.0")))
    accept_upgrade(parse_head(head(Content_Length="0")))


@pytest.mark.parametrize("host", ["h", "localhost:8080", "[::1]:80", "a-b_c.example", "192.0.2.1"])
def test_a_host_is_one(host: str) -> None:
    check_host(parse_head(head(Host=host)))


@pytest.mark.parametrize("host", [None, "", "a b", "a/b", "a@b", "a\r\nHost: b", "h\u00e9"])
def test_what_is_no_host_is_refused(host: str | None) -> None:
    with pytest.raises(BadRequest):
        check_host(parse_head(head(Host=host)))


def test_an_older_http_need_not_name_the_host() -> None:
    check_host(parse_head(head(Host=None).replace(b"HTTP/1.1", b"HTTP/1.0")))


def test_upgrade_with_post_is_refused() -> None:
    with pytest.raises(MethodNotAllowed):
        accept_upgrade(parse_head(head(method="POST")))


def test_token_comes_from_header_or_subprotocol_list() -> None:
    assert parse_head(head(Authorization="Bearer abc")).bearer == "abc"
    assert parse_head(head(Sec_WebSocket_Protocol="grandstand.v1.json, bearer, abc")).bearer == "abc"
    assert parse_head(head(Sec_WebSocket_Protocol="bearer")).bearer is None
    assert parse_head(head(Authorization="Basic abc")).bearer is None


def test_streams_are_told_apart() -> None:
    assert parse_head(b"GET /v1/channels/match:42/stream HTTP/1.1\r\nHost: h\r\n\r\n").streamed_channel == "match:42"
    assert parse_head(b"GET /v1/channels/match:42 HTTP/1.1\r\nHost: h\r\n\r\n").streamed_channel is None
    assert parse_head(b"POST /v1/channels/match:42/stream HTTP/1.1\r\nHost: h\r\n\r\n").streamed_channel is None


@given(st.binary(max_size=200))
def test_any_bytes_give_a_request_or_a_bad_request(data: bytes) -> None:
    try:
        parse_head(data + b"\r\n\r\n")
    except BadRequest as failure:
        assert response(failure).startswith(b"HTTP/1.1 400 ")


def test_every_failure_is_a_whole_response() -> None:
    def leaves(kind: type[Failure]) -> list[type[Failure]]:
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]

    for kind in leaves(Failure):
        head_, _, body = response(kind("why", "field")).partition(b"\r\n\r\n")
        assert head_.startswith(f"HTTP/1.1 {kind.status} ".encode())
        assert f"content-length: {len(body)}".encode() in head_
        assert b"application/problem+json" in head_

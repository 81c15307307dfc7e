"""The built page as a browser gets it: addresses, codings, caching, and headers that keep others out."""

from __future__ import annotations

import gzip
import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.gateway import GatewayProcess, gateway


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    settings = {
        "listen__workers": 1,
        "page__frame_ancestors": ["https://club.example"],
        "page__country_header": "X-Country",
        "page__countries": ["DE"],
    }
    with gateway(tmp_path_factory.mktemp("page"), **settings) as process:
        yield process


def ask(served: GatewayProcess, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def script_of(html: bytes) -> str:
    found = re.search(rb'src="(/assets/[^"]+\.js)"', html)
    assert found is not None
    return found.group(1).decode()


@pytest.mark.parametrize("path", ["/", "/match/42", "/board/kills.all", "/player/a.b", "/nothing/of/ours"])
def test_every_address_of_the_page_is_the_page(served: GatewayProcess, path: str) -> None:
    status, headers, body = ask(served, path)
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert body == ask(served, "/")[2]


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/assets/nothing.js", "/admin/v1/nothing", "/v1", "/assets/../../tree.py"]
)
def test_a_wrong_address_below_the_api_or_the_assets_is_an_error(served: GatewayProcess, path: str) -> None:
    status, headers, _ = ask(served, path)
    assert status == 404
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/match/42", "/match/42?at=-120s", "/boards", "/board/kills.all", "/player/a.b", "/operator"]
)
def test_a_browser_is_told_what_the_address_needs(served: GatewayProcess, path: str) -> None:
    status, headers, html = ask(served, path)
    links = [re.fullmatch(r"<(/assets/[^>]+)>; rel=(.+)", link) for link in headers["link"].split(", ")]
    assert all(links)
    told = {link[1]: link[2] for link in links if link}
    assert len(told) == len(links)
    for file, relation in told.items():
        assert file.encode() not in html, "the document names it itself"
        assert relation == ("preload; as=style; crossorigin" if file.endswith(".css") else "modulepreload")
        status, there, _ = ask(served, file)
        assert (status, there["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert any(file.endswith(".js") for file in told)
    assert "'self'" in headers["content-security-policy"]
    # Also to who has the document already.
    again = ask(served, path, if_none_match=headers["etag"])
    assert (again[0], again[1]["link"]) == (304, headers["link"])


@pytest.mark.parametrize("path", ["/", "/nothing/of/ours", "/embed", "/favicon.svg"])
def test_nobody_is_told_of_what_the_address_does_not_need(served: GatewayProcess, path: str) -> None:
    assert "link" not in ask(served, path)[1]


def test_the_builds_manifest_is_not_served(served: GatewayProcess) -> None:
    assert ask(served, "/manifest.json")[2] == ask(served, "/")[2]


def test_a_page_is_only_read(served: GatewayProcess) -> None:
    status, headers, _ = ask(served, "/match/42", "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert ask(served, "/v1/matches", "POST")[0] == 405
    status, headers, body = ask(served, "/", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 100


def test_policy(served: GatewayProcess) -> None:
    _, headers, html = ask(served, "/")
    policy = dict(directive.split(" ", 1) for directive in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self' https://club.example"
    assert "unsafe" not in headers["content-security-policy"]
    assert b"<style" not in html
    assert not re.search(rb"<script(?![^>]*\ssrc=)", html)
    assert not re.search(rb"\s(style|on[a-z]+)=", html)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_assets_are_kept_for_ever_and_come_in_the_coding_asked_for(served: GatewayProcess) -> None:
    path = script_of(ask(served, "/")[2])
    _, plain_headers, plain = ask(served, path)
    assert plain_headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain_headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain_headers
    _, headers, body = ask(served, path, accept_encoding="gzip")
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == plain
    assert headers["etag"] != plain_headers["etag"]
    _, headers, smaller = ask(served, path, accept_encoding="gzip, deflate, br")
    assert headers["content-encoding"] == "br"
    assert len(smaller) < len(body) < len(plain)
    status, headers, body = ask(served, path, accept_encoding="br", if_none_match=headers["etag"])
    assert (status, body) == (304, b"")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_html_is_asked_for_again(served: GatewayProcess) -> None:
    _, headers, _ = ask(served, "/")
    assert ask(served, "/match/1", if_none_match=headers["etag"])[0] == 304


def test_a_page_is_told_the_country_that_is_counted(served: GatewayProcess) -> None:
    _, headers, _ = ask(served, "/", **{"X-Country": "DE"})
    assert headers["server-timing"] == 'country;desc="DE"'
    assert "X-Country" in headers["vary"]
    again = ask(served, "/", **{"X-Country": "DE", "If-None-Match": headers["etag"]})
    assert (again[0], again[1]["server-timing"]) == (304, headers["server-timing"])
    for other in ("FR", "", 'DE", x'):
        assert "server-timing" not in ask(served, "/", **{"X-Country": other})[1]


def test_the_page_is_complete(served: GatewayProcess) -> None:
    _, _, html = ask(served, "/")
    for path in re.findall(rb'(?:src|href)="(/[^"]+)"', html):
        assert ask(served, path.decode())[0] == 200


def test_strict_transport_security_goes_with_tls(tmp_path: Path) -> None:
    from gateway.edge.page import Page
    from gateway.settings.tree import PageSettings

    (tmp_path / "index.html").write_text("<!doctype html>")
    page = Page(PageSettings(), secure=True, directory=tmp_path)
    assert page._headers(page._find(""))["strict-transport-security"] == "max-age=31536000"

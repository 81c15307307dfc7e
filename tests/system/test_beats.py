"""Reports of pages without a WebSocket: taken and counted like those with one, and refused where they are none or too many."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.gateway import GatewayProcess, gateway

ORIGIN = "https://studio.example"
BEAT = {
    "op": "beat",
    "browser": "firefox",
    "country": "AT",
    "fps": 59.5,
    "dropped_frames": 2,
    "malformed": 1,
    "resyncs": 3,
}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    settings: dict[str, Any] = {
        "listen__workers": 1,
        "page__country_header": "X-Country",
        "page__countries": ["AT"],
        "page__beats_per_min": 20,
        "access__origins": [ORIGIN],
    }
    directory: Path = tmp_path_factory.mktemp("beats")
    with gateway(directory, **settings) as process:
        yield process


def ask(
    served: GatewayProcess, body: bytes, headers: dict[str, str] = JSON, method: str = "POST"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer."""
    request = urllib.request.Request(f"{served.url}/v1/beats", body or None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, dict(refused.headers), refused.read()


def test_a_report_is_counted_by_country_and_browser(served: GatewayProcess) -> None:
    status, headers, body = ask(served, json.dumps(BEAT).encode(), {**JSON, "Origin": ORIGIN})
    assert (status, body, headers["access-control-allow-origin"]) == (204, b"", ORIGIN)
    for name, count in (("malformed_total", 1), ("resyncs_total", 3), ("dropped_frames_total", 2)):
        assert served.metric(f"grandstand_page_{name}", country="AT", browser="firefox") == count
    assert served.metric("grandstand_beats_total", country="AT", browser="firefox") == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (json.dumps(BEAT).encode(), {"Content-Type": "text/plain"}, 400, "content-type"),
        (b"{oops}", JSON, 400, ""),
        (json.dumps({**BEAT, "browser": "netscape"}).encode(), JSON, 400, ""),
        (json.dumps({**BEAT, "malformed": -1}).encode(), JSON, 400, ""),
        (b'{"op":"watch","channel":"match:1"}', JSON, 422, "op"),
        (json.dumps({**BEAT, "more": "x" * 20_000}).encode(), JSON, 413, ""),
        (json.dumps(BEAT).encode(), {**JSON, "Authorization": "Bearer nonsense"}, 401, ""),
    ],
)
def test_what_is_no_report_is_refused(
    served: GatewayProcess, body: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    answered, told, problem = ask(served, body, headers)
    assert (answered, json.loads(problem).get("field", "")) == (status, field)
    assert told["content-type"] == "application/problem+json"


def test_other_sites_ask_first(served: GatewayProcess) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,authorization"}
    status, headers, _ = ask(served, b"", {"Origin": ORIGIN, **asked}, "OPTIONS")
    assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert ask(served, b"", {"Origin": "https://other.example", **asked}, "OPTIONS")[0] == 400


def test_an_address_sends_so_many_a_minute(served: GatewayProcess) -> None:
    answers = [ask(served, json.dumps({"op": "beat"}).encode()) for _ in range(30)]
    refused = [headers for status, headers, _ in answers if status == 429]
    assert {status for status, _, _ in answers} == {204, 429}
    assert refused[0]["retry-after"] == "1"

"""The API keeps to its own description: made-up requests, good and bad, never meet a 500 or an answer that is not described."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores import store
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.system.test_presence import SECRET, token

EXAMPLES = os.environ.get("API_EXAMPLES", "8")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that knows a match."""
    directory = tmp_path_factory.mktemp("api")
    keys = directory / "keys"
    keys.write_text(SECRET)
    with store(directory / "valkey") as server:
        studio = Studio(server.url, "match:42")
        studio.open()
        studio.publish({"op": "kill", "actor": "p1", "target": "p2"})
        studio.close()
        with gateway(
            directory, bus__url=server.url, history__url="", access__keys_file=keys, listen__workers=1
        ) as process:
            yield process


@pytest.mark.parametrize(("prefix", "examples"), [("/v1", EXAMPLES), ("/admin/v1", "3")])
def test_requests_of_every_kind_get_described_answers(
    served: GatewayProcess, tmp_path: Path, prefix: str, examples: str
) -> None:
    api = (served.url if prefix == "/v1" else served.admin_url) + prefix
    with urllib.request.urlopen(f"{api}/docs", timeout=20) as answer:
        page = answer.read().decode()
        assert "script" not in page
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    with urllib.request.urlopen(f"{api}/openapi.json", timeout=20) as answer:
        assert json.load(answer)["openapi"] == "3.1.0"
    result = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")), "run", f"{api}/openapi.json", "--checks", CHECKS,
            "--max-examples", examples, "--exclude-path-regex", "/stream$", "--phases", "examples,coverage,fuzzing",
            "--suppress-health-check", "all", "--seed", "1",
            "-H", f"Authorization: Bearer {token('watch publish', 'tester')}",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    assert "request_failed" not in served.log_text()
    assert " passed" in result.stdout


def test_an_address_that_does_not_take_a_method_names_those_that_it_takes(served: GatewayProcess) -> None:
    for path, allowed in (("", "GET, HEAD"), ("/events", "GET, HEAD, POST")):
        request = urllib.request.Request(f"{served.url}/v1/channels/match:42{path}", method="DELETE")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        with refused.value as answer:
            assert (answer.code, answer.headers["allow"]) == (405, allowed)
            assert json.load(answer)["title"] == "Method not allowed"

"""The API keeps to its own description: made-up requests, good and bad, never meet a 500 or an answer that is not described."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.stores import Store
from tests.system.gateway import gateway
from tests.system.publishing import Studio
from tests.system.test_presence import SECRET, token

EXAMPLES = os.environ.get("API_EXAMPLES", "8")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_requests_of_every_kind_get_described_answers(tmp_path: Path, valkey_server: Store) -> None:
    studio = Studio(valkey_server.url, "match:42")
    studio.open()
    studio.publish({"op": "kill", "actor": "p1", "target": "p2"})
    studio.close()
    keys = tmp_path / "keys"
    keys.write_text(SECRET)
    with gateway(
        tmp_path, bus__url=valkey_server.url, history__url="", access__keys_file=keys, listen__workers=1
    ) as process:
        with urllib.request.urlopen(f"{process.url}/v1/docs", timeout=20) as answer:
            page = answer.read().decode()
            assert "script" not in page
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        with urllib.request.urlopen(f"{process.url}/v1/openapi.json", timeout=20) as answer:
            assert json.load(answer)["openapi"] == "3.1.0"
        result = subprocess.run(
            [
                str(Path(sys.executable).with_name("st")), "run", f"{process.url}/v1/openapi.json", "--checks", CHECKS,
                "--max-examples", EXAMPLES, "--exclude-path-regex", "/stream$", "--phases", "examples,coverage,fuzzing",
                "--suppress-health-check", "all", "--seed", "1",
                "-H", f"Authorization: Bearer {token('watch publish', 'tester')}",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
        assert "request_failed" not in process.log_text()
        assert " passed" in result.stdout

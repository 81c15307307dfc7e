"""The README's publisher, run as it stands there: only the store's address is that of the test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.patience import until
from tests.stores import Store
from tests.system.gateway import gateway

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def test_the_publisher_of_the_readme_publishes(tmp_path: Path, valkey_server: Store) -> None:
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found is not None
    code = found[1]
    assert "redis://localhost:6379" in code
    result = subprocess.run(
        [sys.executable, "-c", code.replace("redis://localhost:6379", valkey_server.url)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    with gateway(tmp_path, bus__url=valkey_server.url, listen__workers=1) as served:

        def state() -> object:
            with urllib.request.urlopen(f"{served.url}/v1/channels/match:42", timeout=10) as answer:
                return json.load(answer)["state"]

        expected = {
            "title": "Final",
            "status": "live",
            "teams": {"red": {"name": "Red", "score": 1}, "blue": {"name": "Blue", "score": 0}},
            "players": {},
        }
        until(lambda: {**state(), "viewers": None} == {**expected, "viewers": None}, "the match of the README")  # type: ignore[dict-item]

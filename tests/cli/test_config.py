"""`grandstand config`: every setting, where it came from, and no password."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.settings import keys
from tests.cli.conftest import grandstand


def test_every_setting_with_its_origin(tmp_path: Path) -> None:
    (tmp_path / "g.toml").write_text("[bus]\nurl = 'redis://u:s3cret@store:6379/0'\n")
    arguments = ("config", "--settings", "g.toml", "--set", "listen.workers=3")
    result = grandstand(*arguments, "--json", cwd=tmp_path, GRANDSTAND_PACE__TICK_S="4")
    rows = json.loads(result.stdout)
    assert list(rows) == [key for key, _ in keys()]
    assert rows["bus.url"] == {"value": "redis://u:***@store:6379/0", "from": "file g.toml"}
    assert rows["pace.tick_s"] == {"value": 4.0, "from": "environment GRANDSTAND_PACE__TICK_S"}
    assert rows["listen.workers"] == {"value": 3, "from": "flag"}
    assert rows["listen.port"] == {"value": 8080, "from": "default"}

    text = grandstand(*arguments, cwd=tmp_path).stdout
    assert "s3cret" not in text
    assert any(line.split() == ["listen.workers", "3", "(flag)"] for line in text.splitlines())

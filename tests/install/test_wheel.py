"""The wheel, as an operator installs it: into an environment of its own, without Node, and it serves the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from tests.patience import until

ROOT = Path(__file__).resolve().parent.parent.parent
UV = Path(sys.executable).parent / "uv"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(["make", "wheel", f"WHEELS={directory}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (path,) = directory.glob("*.whl")
    return path


def test_holds_the_page_in_every_coding_and_nothing_of_an_older_one(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name.removeprefix("gateway/page/") for name in archive.namelist() if name.startswith("gateway/page/")}
    built = {path.relative_to(ROOT / "gateway/page").as_posix() for path in (ROOT / "gateway/page").rglob("*")}
    assert held == {name for name in built if (ROOT / "gateway/page" / name).is_file()}
    scripts = [name for name in held if name.endswith(".js")]
    assert scripts
    assert all({f"{name}.br", f"{name}.gz"} <= held for name in scripts)


def test_serves_the_page_where_there_is_no_node(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home)
    python = home / "bin" / "python"
    for what in (["--require-hashes", "-r", str(ROOT / "requirements.runtime.lock")], ["--no-deps", str(wheel)]):
        subprocess.run([UV, "pip", "install", "-q", "--python", python, *what], check=True)
    log = tmp_path / "log"
    environment = {
        "PATH": str(home / "bin"),
        "HOME": str(tmp_path),
        "GRANDSTAND_LISTEN__PORT": "0",
        "GRANDSTAND_LISTEN__WORKERS": "1",
        "GRANDSTAND_ADMIN__PORT": "0",
        "GRANDSTAND_OBSERVE__LOG_FORMAT": "json",
    }
    with log.open("wb") as out:
        process = subprocess.Popen([home / "bin" / "grandstand", "serve"], cwd=tmp_path, env=environment, stderr=out)
    try:
        until(lambda: '"serving"' in log.read_text() or process.poll() is not None, "the gateway")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        port = next(line["port"] for line in lines if line["event"] == "serving")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/match/42", timeout=10) as answer:
            html = answer.read().decode()
        script = re.search(r'src="(/assets/[^"]+\.js)"', html)
        assert script is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{script.group(1)}", timeout=10) as answer:
            assert len(answer.read()) > 10_000
    finally:
        process.terminate()
        assert process.wait(30) == 0

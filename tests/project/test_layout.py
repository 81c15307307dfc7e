"""The project as people pick it up: rooms, arrows, image, make targets."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = sorted((ROOT / "gateway").rglob("*.py"))


def test_every_room_has_its_place_in_the_arrows() -> None:
    """`make lint` checks the arrows; a room that no contract names would be checked by none."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    placed = {room.strip() for layer in layers for room in layer.split("|")}
    rooms = {f"gateway.{path.parent.name}" for path in (ROOT / "gateway").glob("*/__init__.py")}
    assert rooms | {"native"} == placed


def test_modules_say_what_they_are() -> None:
    for path in MODULES:
        text = path.read_text()
        if text.strip():
            docstring = ast.get_docstring(ast.parse(text))
            assert docstring, path
            assert len(docstring.splitlines()) <= 9, f"{path}: what it is, what it owns, what it never does"


def test_no_module_is_too_long_or_has_a_name_that_says_nothing() -> None:
    for path in MODULES:
        assert path.stem not in ("utils", "helpers", "common", "misc"), path
        assert len(path.read_text().splitlines()) <= 450, f"{path}: what is the second idea?"


def test_make_explains_its_targets() -> None:
    text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (ROOT / "Makefile").read_text()
    for target in (
        "demo",
        "test",
        "lint",
        "bench",
        "sanitize",
        "conformance",
        "fuzz",
        "dashboard",
        "lock",
        "generate",
        "clean",
    ):
        assert f"make {target} " in text
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_ci_only_calls_make() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[1] == "set -euo pipefail"
    assert lines[-1] == "make test"


def test_the_image_is_small_and_runs_without_rights() -> None:
    stages = re.split(r"(?m)^FROM ", (ROOT / "Dockerfile").read_text())[1:]
    last = stages[-1]
    assert len(stages) == 3
    assert all(" AS " in stage.splitlines()[0] for stage in stages[:-1])
    assert re.search(r"(?m)^USER (?!root)", last)
    assert "STOPSIGNAL SIGTERM" in last
    assert "HEALTHCHECK" in last
    assert "gcc" not in last
    assert "requirements.runtime.lock" in "".join(stages)
    for name in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", "".join(stages)):
        for source in name.split():
            assert (ROOT / source).exists(), f"COPY {source}"


@pytest.mark.parametrize("name", ["LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_documents_are_there_and_their_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text()
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / link).exists(), f"{name}: {link}"

"""The lock files: they hold what pyproject.toml asks for, with hashes, and name no registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = ("requirements.lock", "requirements.runtime.lock")
PIN = re.compile(r"^([a-zA-Z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return {canonicalize_name(package): version for package, version in PIN.findall((ROOT / name).read_text())}


def wanted(extra: str | None) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [
        Requirement(line) for line in (project["optional-dependencies"][extra] if extra else project["dependencies"])
    ]


@pytest.mark.parametrize(("lock", "extras"), [(LOCKS[0], (None, "dev")), (LOCKS[1], (None,))])
def test_what_is_asked_for_is_locked(lock: str, extras: tuple[str | None, ...]) -> None:
    locked = pins(lock)
    for requirement in (requirement for extra in extras for requirement in wanted(extra)):
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} is locked as {version}: run `make lock`"


def test_what_runs_is_what_was_tested() -> None:
    tested = pins(LOCKS[0])
    assert pins(LOCKS[1]).items() <= tested.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_has_hashes_and_no_host_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", text)
    assert len(blocks) >= len(pins(lock)) > 10
    assert all("--hash=sha256:" in block for block in blocks if PIN.match(block))


def test_npm_packages_are_locked_too() -> None:
    package, lock = ROOT / "dashboard" / "package.json", ROOT / "dashboard" / "package-lock.json"
    assert lock.is_file()
    import json

    root = json.loads(lock.read_text())["packages"][""]
    asked = json.loads(package.read_text())
    for kind in ("dependencies", "devDependencies"):
        assert root.get(kind, {}) == asked.get(kind, {}), "run `npm install` in dashboard/"

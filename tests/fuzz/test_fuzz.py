"""Every target for a moment: the whole corpus, and what the fuzzer makes of it meanwhile. `make fuzz` takes its time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.run import CORPUS, LONGEST
from tests.fuzz.targets import TARGETS, Wrong, frames
from tests.native.stand import masked

SECONDS = 2


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_is_taken_as_it_must_be(target: str) -> None:
    paths = sorted((CORPUS / target).iterdir())
    assert len(paths) >= 30
    for path in paths:
        TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", LONGEST)
def test_a_moment_of_fuzzing(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="there is no atheris for this platform")
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", target, "--seconds", str(SECONDS), "--grown", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    executed = re.search(r"number_of_executed_units: (\d+)", run.stderr)
    assert executed is not None
    assert int(executed[1]) > 0


def test_a_wrong_parser_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.targets.MESSAGE_BYTES", 299)
    frames(b"\x00\x01" + masked(2, b"x" * 299))
    monkeypatch.setattr("tests.native.twin.Twin.take", lambda *_: None)
    with pytest.raises(Wrong):
        frames(b"\x00\x01" + masked(2, b"x"))

"""A gateway for whoever does not share one with other tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.gateway import GatewayProcess, gateway


@pytest.fixture
def served(tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway(tmp_path, listen__workers=1) as one:
        yield one

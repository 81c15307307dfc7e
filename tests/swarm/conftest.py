"""A listener for each test, and the proof that no buffer of a member is left behind."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from native.swarm import live_buffers
from tests.swarm.server import Listener, listener


@pytest.fixture
def server() -> Iterator[Listener]:
    yield from listener()


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    yield
    gc.collect()
    assert live_buffers() == 0

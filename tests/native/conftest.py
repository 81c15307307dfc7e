"""Every test here is a leak test: afterwards not one native object is left."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import native
from tests.native.stand import Stand


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Native objects are counted; after each test there are none."""
    yield
    gc.collect()
    assert set(native.counts().values()) == {0}, native.counts()


@pytest.fixture
def stand(nothing_is_left: None) -> Iterator[Stand]:
    """A table with real sockets."""
    made = Stand()
    yield made
    made.end()

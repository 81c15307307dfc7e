"""Where the recorded matches are (tests that need them skip where there are none), and a real store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.bus.connect import open_publisher
from gateway.bus.embedded import EmbeddedValkey
from gateway.bus.publisher import Publisher

FOLDERS = ("dota2-ti8-final-g5", "rocket-league-rlcs-s8", "football-wc2018-final")


@pytest.fixture(scope="session")
def matches() -> Path:
    """The folder of recorded matches."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("GRANDSTAND_MATCHES") or beside)
    if not all((folder / name / "events.ndjson.gz").is_file() for name in FOLDERS):
        pytest.skip("the recorded matches are not here: put them in ../shared/data or name them by GRANDSTAND_MATCHES")
    return folder


@pytest.fixture
async def publisher(store: EmbeddedValkey) -> AsyncIterator[Publisher]:
    """The writing side of the store."""
    opened = open_publisher(store.url)
    yield opened
    await opened.close()


@contextmanager
def running_store(directory: Path) -> Iterator[str]:
    """The URL of a real Valkey, for tests that are not themselves asynchronous."""
    valkey = EmbeddedValkey(directory)
    asyncio.run(valkey.start())
    try:
        yield valkey.url
    finally:
        asyncio.run(valkey.stop())

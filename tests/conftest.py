"""Fixtures that any test may use: real stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gateway.bus.embedded import EmbeddedValkey
from tests.stores import Store, pair, store

# Speed is measured elsewhere: a busy machine is no counterexample.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Files that run at once have folders of short names: sockets lie below, whose addresses have an end."""
    if hasattr(config, "workerinput"):
        theirs = Path(config.option.basetemp)
        run = theirs.parent.name.removeprefix("pytest-")
        config.option.basetemp = str(theirs.parent.parent / f"{run}-{theirs.name.removeprefix('popen-gw')}")


@pytest.fixture(name="store")
async def embedded_store(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    """The store that the gateway brings along, at a socket."""
    server = EmbeddedValkey(tmp_path / "store")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def valkey_server(tmp_path: Path) -> Iterator[Store]:
    """A running Valkey that announces changes of streams and fsyncs every write."""
    with store(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def valkey_pair(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """A primary and a replica of it."""
    with pair(tmp_path) as servers:
        yield servers

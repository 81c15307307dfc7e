"""A real Postgres for any test that has no loop of its own yet: started, and stopped at the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from gateway.history.embedded import EmbeddedPostgres


@contextlib.contextmanager
def postgres(directory: Path) -> Iterator[EmbeddedPostgres]:
    """A running server with its files in the directory."""
    server = EmbeddedPostgres(directory)
    asyncio.run(server.start())
    try:
        yield server
    finally:
        asyncio.run(server.stop())

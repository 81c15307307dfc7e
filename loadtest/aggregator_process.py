"""One `grandstand aggregate` under load, and how much it has stored."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.history.database import Database
from gateway.history.errors import HistoryError

STOP_TIMEOUT_S = 30.0


@contextmanager
def aggregator(url: str, history_url: str = "none", settings: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which works for as long as the context lasts.

    Args:
        settings: a file with further settings.
    """
    environment = {
        **os.environ,
        "GRANDSTAND_BUS__URL": url,
        "GRANDSTAND_HISTORY__URL": history_url,
        "GRANDSTAND_OBSERVE__LOG_LEVEL": "error",
    }
    further = ["--settings", str(settings)] if settings is not None else []
    process = subprocess.Popen([sys.executable, "-m", "gateway.cli.main", "aggregate", *further], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def entries_stored(url: str) -> int:
    """Entries that the history has; 0 before its tables are made."""

    async def ask() -> int:
        database = Database(url)
        try:
            return int((await database.fetch("SELECT coalesce(sum(last_seq + 1), 0) FROM epochs"))[0][0])
        except HistoryError:
            return 0
        finally:
            await database.close()

    return asyncio.run(ask())

"""The embedded Postgres: starts, keeps its data, ends with its parent, one server a directory."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from gateway.history.embedded import EmbeddedPostgres
from gateway.history.errors import Busy

PARENT = """
import asyncio, sys
from pathlib import Path
from gateway.history.embedded import EmbeddedPostgres
async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_data_outlive_the_server(tmp_path: Path) -> None:
    # A long path: the socket has to live elsewhere.
    server = EmbeddedPostgres(tmp_path / ("d" * 90))
    await server.start()
    try:
        await ask(server.url, "CREATE TABLE kept AS SELECT 7 AS n")
        with pytest.raises(Busy):
            await EmbeddedPostgres(tmp_path / ("d" * 90)).start()
        await server.stop()
        await server.start()
        assert await ask(server.url, "SELECT n FROM kept") == 7
        assert str(await ask(server.url, "SHOW server_version")).startswith("18.")
    finally:
        await server.stop()


def uids(pid: int | None) -> list[str]:
    """The user ids of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith("Uid:")).split()[1:]


@pytest.fixture
def own_directory(tmp_path: Path) -> Path:
    """A directory that nobody but its owner may enter."""
    tmp_path.chmod(0o700)
    return tmp_path / "history"


async def test_it_never_runs_as_root(own_directory: Path) -> None:
    server = EmbeddedPostgres(own_directory)
    await server.start()
    try:
        assert "0" not in uids(server.pid)
    finally:
        await server.stop()


async def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    server = EmbeddedPostgres(tmp_path)
    # The directory is free again only when the old server has ended.
    await server.start()
    try:
        assert server.pid != pid
    finally:
        await server.stop()

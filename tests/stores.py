"""Real Valkey servers for any test: started, killed, frozen, promoted, with replicas and with users of few rights.

`with store(directory) as server` in any test; the fixtures of tests/conftest.py make directories by themselves.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.faults.valkey import Valkey
from tests.patience import until

DOCUMENTED = (Path(__file__).resolve().parent.parent / "docs" / "store.md").read_text()


class Store(Valkey):
    """One server on 127.0.0.1. Its `client` is for the test itself and is quick: no waits on the event loop's time."""

    def freeze(self) -> None:
        """It keeps its connections and answers nothing any more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        """Ends it if it runs, frozen or not."""
        if self._process is not None:
            self.thaw()
        super().stop()

    def reader_url(self) -> str:
        """The URL of a user with exactly the rights that docs/store.md gives to the edge."""
        line = re.search(r"^ACL SETUSER edge (.*)$", DOCUMENTED, re.MULTILINE)
        assert line is not None, "docs/store.md has lost its line"
        return self.user_url("edge", *line[1].replace("SECRET", "secret").split())

    def user_url(self, name: str, *rights: str) -> str:
        """The URL of a user with these rights; the password is `secret`."""
        self.client.execute_command("ACL", "SETUSER", name, "on", ">secret", *rights)
        return self.url.replace("redis://", f"redis://{name}:secret@")

    def follows(self, primary: Valkey) -> None:
        """Becomes a replica, and returns when it is in step."""
        self.client.replicaof("127.0.0.1", str(primary.port))
        until(lambda: self.client.info("replication")["master_link_status"] == "up", "the replica to be in step")

    def promote(self) -> None:
        """Is a replica no more."""
        self.client.replicaof("NO", "ONE")


@contextlib.contextmanager
def store(directory: Path, *options: str) -> Iterator[Store]:
    """A running server."""
    server = Store(directory, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def pair(directory: Path) -> Iterator[tuple[Store, Store]]:
    """A primary and its replica, in step."""
    with store(directory / "primary") as primary, store(directory / "replica") as replica:
        replica.follows(primary)
        yield primary, replica

"""A match in which a hundred things happen a second: players move, score and pick up; each event carries the time it was sent."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.browser.page import Page, page
from tests.system.gateway import gateway
from tests.system.publishing import Studio

EVENTS_PER_S = 100
PLAYERS = 10
WIDE, HIGH = 1600, 1000


class BusyMatch:
    """Publishes from a thread of its own while it is entered.

    Attributes:
        published: events so far.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish)
        self._began_s = 0.0
        self.published = 0

    def __enter__(self) -> Self:
        self._studio.open(map={"x": [0, WIDE], "y": [0, HIGH]})
        self._began_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def per_s(self) -> float:
        """Events a second since the beginning."""
        return self.published / (time.monotonic() - self._began_s)

    def _publish(self) -> None:
        due = self._began_s
        while not self._stop.is_set():
            self.published += 1
            self._happen(self.published)
            due += 1 / EVENTS_PER_S
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _happen(self, number: int) -> None:
        """Ten times a second everybody moves, once a second the clock goes on; everything else is of one player."""
        if number % EVENTS_PER_S == 5:
            self._studio.publish({"op": "clock", "t_ms": number * 1000 // EVENTS_PER_S, "running": True})
        elif number % 10 == 0:
            places = {f"p{n}": [(number * (n + 3)) % WIDE, (number * (n + 1)) % HIGH] for n in range(PLAYERS)}
            self._studio.publish({"op": "position", "at": places})
        else:
            player = f"p{number % PLAYERS}"
            patch = {
                "teams": {"red": {"score": number}},
                "players": {player: {"kills": number}},
                "figures": {"sent_ms": time.time_ns() // 1_000_000},
            }
            self._studio.patch(patch, op="pickup", actor=player)


@contextlib.contextmanager
def busy_page(name: str) -> Iterator[tuple[BusyMatch, Page, str]]:
    """The match while it is on, a page in a browser, and the address at which the page may show it."""
    with (
        tempfile.TemporaryDirectory() as directory,
        gateway(Path(directory), listen__workers=1) as served,
        page() as shown,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], f"match:{name}")
        with BusyMatch(studio) as match:
            yield match, shown, f"{served.url}/match/{name}"
        studio.close()

"""Everything that a page may lose, at full length: what it showed, how soon after it knew, and that it came back by itself.

Knowing and showing are stamped in the page (tests.browser.diary): an event of the browser or of the connection, and the change
that a viewer sees. Every case ends with the server's document on a page that was not reloaded; where it does not, the run fails.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from loadtest.scenarios.checks import at_most
from tests.browser.diary import Diary
from tests.browser.middlebox import Middlebox, middlebox
from tests.browser.page import Page, page
from tests.browser.served import connected_worker, document
from tests.faults.beat import Beat
from tests.faults.valkey import valkey
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio

CHANNEL = "match:away"
SHOWN_MAX_MS = 1_000.0
WAKING = ("woke", "close")
"""Whichever comes first when a machine goes on: timers that are late, or word of a connection that ended."""

Row = dict[str, Any]


class Scene:
    """A match, its viewer and what is between them."""

    def __init__(self, served: GatewayProcess, shown: Page, studio: Studio, between: Middlebox) -> None:
        self.served = served
        self.shown = shown
        self.studio = studio
        self.between = between
        self.goals = 0
        studio.open()

    def open(self) -> None:
        """Opens the page, through what is between."""
        self.shown.do("open", url=f"http://127.0.0.1:{self.between.port}/match/away")

    def live(self) -> None:
        """Waits until the page is live."""
        until(lambda: self.shown.read()["state"] == "live", "the page to be live")

    def goal(self) -> None:
        """The first team scores."""
        self.goals += 1
        self.studio.patch({"teams": {"red": {"score": self.goals}}}, op="score", team="red")

    def score(self) -> tuple[str, str]:
        """Knowing of the newest goal, and showing it."""
        return f"score {self.goals}", f"shows score {self.goals}"

    def is_back(self) -> None:
        """Waits until the page shows and holds what the gateway has; it is the same page as before."""
        until(lambda: self.shown.read()["scores"][0] == str(self.goals), "the score")
        self.live()
        held = "what the gateway has"
        until(lambda: self.shown.do("held", channel=CHANNEL) == document(self.served, CHANNEL), held)
        assert self.shown.read()["marker"] == "same page", "it was reloaded"
        assert self.shown.do("problems") == []


@contextlib.contextmanager
def scene(*blocked: str, url: str | None = None, options: tuple[str, ...] = ()) -> Iterator[Scene]:
    """A gateway with two workers, a store of its own where none is named, and a browser whose pages keep a diary."""
    settings: dict[str, object] = {} if url is None else {"bus__url": url}
    with (
        tempfile.TemporaryDirectory() as directory,
        gateway(Path(directory), listen__workers=2, **settings) as served,
        middlebox(served.port, *blocked) as between,
        page("diary", *options) as shown,
    ):
        studio = Studio(url or served.wait_for_log("embedded_store", 1)["url"], CHANNEL)
        yield Scene(served, shown, studio, between)
        studio.close()


def worker_killed(_length: float) -> list[Row]:
    """kill -9 of the worker that holds the connection, while things happen."""
    with scene() as there:
        with Beat(there.studio, 10):
            there.open()
            there.live()
            diary = Diary(there.shown)
            os.kill(connected_worker(there.served), signal.SIGKILL)
            until(lambda: "reconnecting" in there.shown.read()["words"], "the page to know")
            there.goal()
            there.live()
        there.is_back()
        return [
            diary.between("close", "shows reconnecting"),
            diary.between("open", "shows live"),
            diary.between(*there.score()),
        ]


def store_stopped(length: float) -> list[Row]:
    """The store is killed, and started again after ten seconds."""
    with (
        tempfile.TemporaryDirectory() as directory,
        valkey(Path(directory) / "store") as store,
        scene(url=store.url) as there,
    ):
        there.open()
        there.live()
        diary = Diary(there.shown)
        store.kill()
        until(lambda: there.shown.read()["state"] == "paused", "the page to be paused")
        time.sleep(10 * length)
        assert there.shown.read()["scores"] == ["0", "0"], "the last known state stays"
        back = Diary(there.shown)
        store.start()
        there.goal()
        there.is_back()
        return [
            diary.between("told paused", "shows paused"),
            back.between("told live", "shows live"),
            back.between(*there.score()),
        ]


def offline(length: float) -> list[Row]:
    """The browser is without a network for half a minute."""
    with scene() as there:
        there.open()
        there.live()
        diary = Diary(there.shown)
        there.shown.do("offline", value=True)
        for _ in range(30):
            there.goal()
            time.sleep(length)
        assert there.shown.read()["state"] == "offline"
        there.shown.do("offline", value=False)
        there.is_back()
        return [
            diary.between("offline", "shows offline"),
            diary.between("online", "shows live"),
            diary.between(*there.score()),
        ]


def asleep(length: float) -> list[Row]:
    """No process of the browser runs for a minute; meanwhile the connection is closed by the other side."""
    return _slept(60 * length, Middlebox.cut)


def asleep_unnoticed(length: float) -> list[Row]:
    """The same for half a minute, and nobody says that the connection is dead: only that the timers come late tells of it."""
    return _slept(max(15.0, 30 * length), Middlebox.swallow)


def _slept(seconds: float, loses: Callable[[Middlebox], None]) -> list[Row]:
    with scene() as there:
        there.open()
        there.live()
        diary = Diary(there.shown)
        with there.shown.asleep():
            loses(there.between)
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s:
                there.goal()
                time.sleep(1.0)
        there.is_back()
        return [
            diary.between(WAKING, "shows reconnecting"),
            diary.between("open", "shows live"),
            diary.between(*there.score()),
        ]


def hidden(length: float) -> list[Row]:
    """Behind another tab for two minutes with twenty events a second: no frames, one timer a second, then in front again."""
    with scene(options=("plain",)) as there:
        with Beat(there.studio, 20):
            there.open()
            there.live()
            diary = Diary(there.shown)
            there.shown.do("hide", value=True)
            until(lambda: there.shown.read()["visibility"] == "hidden", "the tab to be hidden")
            for _ in range(120):
                there.goal()
                time.sleep(length)
            assert there.shown.do("evaluate", script=f"grandstand.view('{CHANNEL}').feed.length") <= 500
            there.shown.do("hide", value=False)
            until(lambda: there.shown.read()["visibility"] == "visible", "the tab to be in front")
            until(lambda: there.shown.read()["scores"][0] == str(there.goals), "the score")
            returned = _returned(diary.entries())
            there.goal()
        there.is_back()
        return [returned, diary.between(*there.score())]


def _returned(entries: list[dict[str, Any]]) -> Row:
    """From being seen again to the page showing all that it had been told until then; nothing where it did so already."""
    told = [entry["what"] for entry in entries]
    frames = entries[told.index("visible")]["frame"] - entries[told.index("hidden")]["frame"]
    assert frames <= 2, f"hidden, and had {frames} frames"
    visible = entries[told.index("visible")]
    newest = [what for what in told[: told.index("visible")] if what.startswith("score ")][-1]
    shown = entries[told.index(f"shows {newest}")]
    late_ms, late_frames = shown["at_ms"] - visible["at_ms"], shown["frame"] - visible["frame"]
    return {
        "known": "visible",
        "shown": "all that was told",
        "ms": max(0.0, round(late_ms, 1)),
        "frames": max(0, late_frames),
    }


def websocket_blocked(_length: float) -> list[Row]:
    """A proxy refuses WebSockets; later it lets them through."""
    return _blocked("sse", "websocket")


def streams_blocked(_length: float) -> list[Row]:
    """It swallows event streams as well."""
    return _blocked("polling", "websocket", "stream")


def _blocked(way: str, *blocked: str) -> list[Row]:
    # A match in which nothing ever happens would be paused by its publisher's silence.
    with scene(*blocked) as there, Beat(there.studio, 0.25):
        there.open()
        diary = Diary(there.shown, whole=True)
        until(lambda: there.shown.read()["state"] == "live", way)
        assert there.shown.read()["connection"]["transport"] == way
        assert set(there.shown.read()["words"]) <= {"connecting", "reconnecting", "live"}
        there.goal()
        there.is_back()
        found = [diary.between(f"client live {way}", "shows live"), diary.between(*there.score())]
        better = Diary(there.shown)
        there.between.blocked.clear()
        until(lambda: there.shown.read()["connection"]["transport"] == "websocket", "a WebSocket")
        there.goal()
        there.is_back()
        seen = [entry["what"] for entry in better.entries() if entry["what"].startswith("shows ")]
        assert seen == [f"shows score {there.goals}"], "a better way is taken without a word"
        return [*found, better.between(*there.score())]


CASES: dict[str, Callable[[float], list[Row]]] = {
    "worker killed": worker_killed,
    "store stopped for 10 s": store_stopped,
    "offline for 30 s": offline,
    "asleep for 60 s, cut off": asleep,
    "asleep for 30 s, nobody noticed": asleep_unnoticed,
    "hidden for 2 min": hidden,
    "WebSocket blocked": websocket_blocked,
    "and streams blocked": streams_blocked,
}


def run(length: float = 1.0) -> dict[str, Any]:
    """All of them; `length` shortens what lasts."""
    found: list[Row] = []
    for name, case in CASES.items():
        found += [{"case": name, **row} for row in case(length)]
    worst = {name: max(row["ms"] for row in found if row["case"] == name) for name in CASES}
    checks = [at_most(f"{name}: known to shown, the longest (ms)", ms, SHOWN_MAX_MS) for name, ms in worst.items()]
    return {"scenario": "page_away", "rows": found, "checks": checks}

"""The first page in a real browser: live during a replay, through the death of its worker, and with what hostile names hold."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.browser.diary import Diary
from tests.browser.page import Page, page
from tests.browser.served import connected_worker, document
from tests.faults.beat import Beat
from tests.patience import until
from tests.system.gateway import gateway
from tests.system.publishing import STATE, Studio


def clock(shown: Page) -> str:
    text: str = shown.do("evaluate", script="document.querySelector('[data-testid=clock]').firstChild.textContent")
    return text


def test_worker_killed_while_the_page_is_open(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=2) as served, page("diary") as shown:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:page")
        studio.open(title="A match in the browser", clock={"t_ms": 61_000, "running": True})
        goals = 0
        with Beat(studio, 10):
            shown.do("open", url=f"{served.url}/match/page")
            until(lambda: shown.read()["state"] == "live", "the page to be live")
            # It is told once, and goes on while the match does.
            until(lambda: clock(shown) >= "1:03", "the clock to go")
            for goals in range(1, 4):
                studio.patch({"teams": {"red": {"score": goals}}}, op="score", team="red", actor="p1")
            until(lambda: shown.read()["scores"] == ["3", "0"], "the score")
            seen = clock(shown)
            diary = Diary(shown)
            os.kill(connected_worker(served), signal.SIGKILL)
            until(lambda: "reconnecting" in shown.read()["words"], "the page to say that it reconnects")
            for goals in range(4, 6):
                studio.patch({"teams": {"red": {"score": goals}}}, op="score", team="red", actor="p1")
            until(lambda: shown.read()["scores"] == ["5", "0"], "the right score")
            until(lambda: shown.read()["state"] == "live", "the page to be live again")
            # Not back, and no further than the longest time between two words of it.
            assert seen <= clock(shown) <= "1:07"
            studio.publish({"op": "clock", "t_ms": 65_000, "running": False})
            until(lambda: clock(shown) == "1:05", "the clock to stand where it was stopped")
        diary.within_frames("close", "shows reconnecting")
        diary.within_frames("open", "shows live")
        until(lambda: shown.read()["version"] == document(served, studio.channel)["version"], "the newest version")
        now = shown.read()
        assert now["marker"] == "same page", "it was reloaded"
        assert now["feed"][0]
        assert shown.do("problems") == []
        studio.close()


def test_list_hostile_names_and_offline(tmp_path: Path) -> None:
    hostile = '<img src=x onerror="document.title=1">'
    with gateway(tmp_path, listen__workers=1, pace__paused_after_s=600) as served, page("diary") as shown:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:hostile")
        players = {**STATE["players"], "p0": {"name": hostile, "team": "red", "kills": 0, "deaths": 0}}  # type: ignore[dict-item]
        studio.open(title=hostile, players=players, clock="odd", objectives=7)
        shown.do("open", url=served.url)
        until(lambda: shown.read()["cards"] == ["/match/hostile"], "the match to be listed")
        shown.do("click", selector="main ul a")
        until(lambda: shown.read()["state"] == "live" and shown.read()["version"], "the match")
        studio.publish({"op": "kill", "actor": "p0", "target": "p7"})
        until(lambda: any(hostile in line for line in shown.read()["feed"]), "the event as text")
        assert shown.read()["images"] == 0
        assert shown.read()["marker"] == "same page"
        diary = Diary(shown)
        shown.do("offline", value=True)
        until(lambda: shown.read()["state"] == "offline", "the page to know")
        diary.within_frames("offline", "shows offline")
        studio.patch({"teams": {"blue": {"score": 9}}}, op="score", team="blue")
        shown.do("offline", value=False)
        until(lambda: shown.read()["scores"] == ["0", "9"], "what was missed")
        shown.do("open", url=f"{served.url}/match/nobody")
        until(lambda: (shown.read()["missing"] or "").startswith("There is no such match"), "not found")
        assert shown.do("problems") == []
        studio.close()

"""What a viewer sees while something is away: the right word, the last known state, all that was missed, and no reload."""

from __future__ import annotations

import json
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.browser.diary import FRAMES_MAX, Diary
from tests.browser.page import page
from tests.browser.served import document
from tests.faults.valkey import valkey
from tests.patience import until
from tests.system.gateway import gateway
from tests.system.publishing import Studio

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def test_store_stopped_and_started(tmp_path: Path) -> None:
    with valkey(tmp_path / "store") as store, gateway(tmp_path, bus__url=store.url) as served, page("diary") as shown:
        studio = Studio(store.url, "match:store")
        studio.open()
        shown.do("open", url=f"{served.url}/match/store")
        studio.patch({"teams": {"red": {"score": 1}}}, op="score", team="red")
        until(lambda: shown.read()["scores"] == ["1", "0"], "the score")
        diary = Diary(shown)
        store.kill()
        until(lambda: shown.read()["state"] == "paused", "paused")
        diary.within_frames("told paused", "shows paused")
        read = shown.read()
        assert read["scores"] == ["1", "0"], "the last known state stays"
        assert "last known state" in read["banner"]
        diary = Diary(shown)
        store.start()
        until(lambda: bool(studio.patch({"teams": {"red": {"score": 2}}}, op="score", team="red")), "the store")
        until(lambda: shown.read()["scores"] == ["2", "0"], "the new score")
        until(lambda: shown.read()["state"] == "live", "live again")
        diary.within_frames("told live", "shows live")
        until(lambda: shown.do("held", channel="match:store") == document(served, "match:store"), "the document")
        assert shown.read()["banner"] is None
        assert shown.read()["marker"] == "same page"
        studio.close()


def test_a_hidden_tab_catches_up_with_one_state(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=1) as served, page("plain", "diary") as shown:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:hidden")
        studio.open()
        shown.do("open", url=f"{served.url}/match/hidden")
        until(lambda: shown.read()["state"] == "live", "live")
        diary = Diary(shown)
        shown.do("hide", value=True)
        until(lambda: shown.read()["visibility"] == "hidden", "the tab to be hidden")
        for score in range(1, 700):
            studio.patch({"teams": {"blue": {"score": score}}}, op="score", team="blue", number=score)
        until(lambda: shown.do("held", channel="match:hidden") == document(served, "match:hidden"), "the document")
        until(lambda: shown.read()["scores"] == ["0", "699"], "the timer's update")
        assert shown.do("evaluate", script="grandstand.view('match:hidden').feed.length") <= 500
        frames = [entry["frame"] for entry in diary.entries()]
        assert frames[-1] - frames[0] <= FRAMES_MAX, "hidden, and had frames"
        shown.do("hide", value=False)
        until(lambda: shown.read()["visibility"] == "visible", "the tab to be in front")
        studio.patch({"teams": {"red": {"score": 5}}}, op="score", team="red")
        until(lambda: shown.read()["scores"] == ["5", "699"], "the score")
        diary.within_frames("score 5", "shows score 5")
        assert shown.read()["marker"] == "same page"
        studio.close()


def test_a_message_that_does_not_fit_leaves_the_page_standing(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=1) as served, page() as shown:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:odd")
        studio.open(
            game="unheard of", players=7, teams=[1, 2], clock="late", objectives="x", figures=None, map={"x": 1}
        )
        shown.do("open", url=f"{served.url}/match/odd")
        until(lambda: shown.read()["state"] == "live" and shown.read()["version"], "the match")
        assert shown.read()["scores"] == ["0", "0"]
        studio.patch({"players": {"p": {"pos": ["a", None], "name": 5}}, "ball": 3, "teams": {"x": None}}, op="odd")
        studio.patch({}, op="duel", actor={"a": 1}, target=[1], item=7)
        studio.patch({"teams": {"red": {"name": "Red", "score": 3}}}, op="figures")
        until(lambda: shown.read()["scores"] == ["3", "0"], "the score")
        assert shown.read()["missing"] is None
        assert shown.do("evaluate", script="document.querySelectorAll('main [role=alert] button').length") == 0
        assert shown.do("problems") == []
        studio.close()


def test_the_viewer_of_the_readme_works_in_an_empty_file(tmp_path: Path) -> None:
    code = re.search(r"```html\n(.*?)```", README, re.DOTALL)
    assert code is not None
    (tmp_path / "site").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    site = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=site.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{site.server_port}"
    try:
        with gateway(tmp_path, listen__workers=1, access__origins=[origin]) as served, page() as shown:
            studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:42")
            studio.open(title="Ten lines")
            viewer = code[1].replace("localhost:8080", f"127.0.0.1:{served.port}")
            (tmp_path / "site" / "viewer.html").write_text(viewer)
            shown.do("open", url=f"{origin}/viewer.html")
            studio.patch({"teams": {"red": {"score": 12}}}, op="score", team="red")
            text = "document.getElementById('out').textContent"
            until(lambda: '"score": 12' in shown.do("evaluate", script=text), "the score")
            assert json.loads(shown.do("evaluate", script=text)) == document(served, "match:42")["state"]
            studio.close()
    finally:
        site.shutdown()
        site.server_close()

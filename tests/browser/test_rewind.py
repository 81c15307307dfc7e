"""A link to a moment shows the past, and one button the present again; the present has gone on meanwhile."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.browser.page import page
from tests.databases import postgres
from tests.patience import until
from tests.system.gateway import gateway
from tests.system.publishing import STATE, Studio


def test_a_link_to_a_moment_and_back_to_live(tmp_path: Path) -> None:
    with (
        postgres(tmp_path / "postgres") as server,
        gateway(tmp_path, listen__workers=1, history__url=server.url, history__flush_ms=20) as served,
        page() as shown,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:past")
        studio.epoch = int(studio.store.incr(f"epoch:{{{studio.channel}}}"))
        began_ms = time.time_ns() // 1_000_000 - 120_000
        # One entry in twenty seconds: the past is slow enough to be looked at.
        for score in range(6):
            state = {
                **STATE,
                "teams": {"red": {"name": "Red", "score": score}, "blue": {"name": "Blue", "score": 0, "order": 1}},
            }
            event = (
                {"op": "figures", "patch": state} if score else {"op": "reset", "rules": "scoreboard", "state": state}
            )
            fields = {"t": str(began_ms + score * 20_000), "e": json.dumps(event)}
            studio.store.xadd(studio.key, fields, id=f"{studio.epoch}-*")
        shown.do("open", url=f"{served.url}/match/past?at={studio.epoch}-2")
        until(lambda: shown.read()["state"] == "rewind", "the past")
        back = "!!document.querySelector('[data-testid=back-to-live]')"
        until(lambda: shown.do("evaluate", script=back), "back")
        assert shown.do("axe") == []
        assert shown.read()["words"].count("rewind") == 1, "it was begun again and again"
        studio.patch({"teams": {"blue": {"score": 9}}}, op="score", team="blue")
        shown.do("click", selector="[data-testid=back-to-live]")
        until(lambda: shown.read()["state"] == "live", f"the present instead of {shown.read()}")
        until(lambda: shown.read()["scores"] == ["5", "9"], "the score of now")
        assert shown.do("evaluate", script="location.search") == ""
        assert shown.read()["marker"] == "same page"
        assert shown.do("problems") == []
        studio.close()

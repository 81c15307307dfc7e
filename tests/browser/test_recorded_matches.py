"""Each recorded match in a real browser: when it is over the page shows the official figures, as a reader would read them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.replay.finding import open_recording
from gateway.replay.programme import channel_of
from tests.browser.page import Page, page
from tests.patience import until
from tests.system.gateway import gateway
from tests.system.test_recordings import matches

SPEEDS = {"dota2-ti8-final-g5": 120, "rocket-league-rlcs-s8": 25, "football-wc2018-final": 250}
FIGURES = """[...document.querySelectorAll("[data-testid=players] tbody tr")].map((row) => [
  row.querySelector("th").childNodes[1].textContent,
  Object.fromEntries([...row.querySelectorAll("td")].map((cell) => [cell.dataset.figure, cell.textContent])),
])"""


def shown_figures(shown: Page) -> dict[str, dict[str, str]]:
    return dict(shown.do("evaluate", script=FIGURES))


def official(player: dict[str, Any]) -> dict[str, str]:
    """What the sheet says of a player, as the page writes it."""
    final = player.get("final", {}).items()
    return {"points" if name == "score" else name: f"{value:,}" for name, value in final if value is not None}


def wrong_figures(shown: Page, sheet: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Player, figure, what the page shows and what it should."""
    figures = shown_figures(shown)
    return [
        (player["name"], word, shown_here[word], value)
        for player in sheet["players"]
        for shown_here in [figures.get(player["name"], {})]
        for word, value in official(player).items()
        if word in shown_here and shown_here[word] != value
    ]


def official_score(folder: str, sheet: dict[str, Any]) -> list[str]:
    if folder == "football-wc2018-final":
        return ["4", "2"]
    score = sheet["score"]
    return [str(points) for points in (score if isinstance(score, list) else (score["blue"], score["orange"]))]


@pytest.mark.parametrize("folder", SPEEDS)
def test_the_page_ends_on_the_official_figures(tmp_path: Path, folder: str) -> None:
    recording = matches() / folder
    sheet = json.loads((recording / "meta.json").read_text())
    match_id = channel_of(open_recording(str(recording)).match_id).removeprefix("match:")
    with gateway(tmp_path, listen__workers=1) as served, page() as shown:
        store = served.wait_for_log("embedded_store", 1)["url"]
        shown.do("open", url=f"{served.url}/match/{match_id}")
        speed = str(SPEEDS[folder])
        command = [sys.executable, "-m", "gateway.cli.main", "replay", str(recording), "--speed", speed, "--bus", store]
        playing = subprocess.Popen([*command, "--json"], stdout=subprocess.DEVNULL)
        until(lambda: shown.read()["state"] == "live" and shown.read()["version"], "the match to be on the page")
        assert playing.wait(120) == 0
        until(lambda: shown.read()["state"] == "ended", "the end")
        until(lambda: shown.read()["scores"] == official_score(folder, sheet), "the official score")
        # Tables follow the score a moment later.
        until(lambda: not wrong_figures(shown, sheet), lambda: f"the official figures: {wrong_figures(shown, sheet)}")
        figures = shown_figures(shown)
        finals = [player for player in sheet["players"] if "final" in player]
        assert len(figures) >= len(finals)
        compared = [word for player in finals for word in official(player) if word in figures[player["name"]]]
        assert len(compared) >= 5 * len(finals)
        if folder == "football-wc2018-final":
            goals = {name: row["goals"] for name, row in figures.items() if row["goals"] != "0"}
            assert goals == {
                "A. Griezmann": "1",
                "P. Pogba": "1",
                "K. Mbappé": "1",
                "I. Perišić": "1",
                "M. Mandžukić": "1",
            }
        assert shown.read()["marker"] == "same page"
        assert shown.do("problems") == []

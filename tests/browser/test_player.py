"""A player's page in a real browser, from matches that were really played into the store and the history."""

from __future__ import annotations

from pathlib import Path

from tests.browser.page import page, texts
from tests.patience import until
from tests.system.gateway import gateway
from tests.system.publishing import STATE, Studio


def test_figures_form_and_opponents(tmp_path: Path) -> None:
    hostile = '<img src=x onerror="document.title=1">'
    players = {**STATE["players"], "p0": {"name": hostile, "team": "red", "kills": 0, "deaths": 0}}  # type: ignore[dict-item]
    # An embedded history.
    settings = {"listen__workers": 1, "history__url": "", "history__stats_every_s": 1}
    with gateway(tmp_path, **settings) as served, page() as shown:
        url = served.wait_for_log("embedded_store", 1)["url"]
        for name, winner in (("first", "red"), ("second", "red"), ("third", "blue")):
            studio = Studio(url, f"match:{name}")
            studio.open(title=f"The {name}", players=players)
            studio.publish({"op": "kill", "actor": "p0", "target": "p7"})
            studio.publish({"op": "kill", "actor": "p7", "target": "p0"})
            studio.publish({"op": "kill", "actor": "p0", "target": "p8"})
            studio.publish({"op": "end", "winner": winner})
            studio.close()
        shown.do("open", url=f"{served.url}/player/p0")

        def told() -> bool:
            rows = [row.split() for row in texts(shown, "[data-testid=figures] > div")]
            return ["Matches", "3"] in rows and any(row[:2] == ["Kills", "6"] for row in rows)

        until(told, "three matches and six kills")
        assert texts(shown, "h1") == [hostile]
        assert shown.do("evaluate", script="document.querySelectorAll('main img').length") == 0

        def recent() -> set[tuple[str, ...]]:
            rows = [row.split("\t") for row in texts(shown, "[data-testid=recent] tbody tr")]
            return {tuple(row[:3]) for row in rows}

        wanted = {("The first", "won", "2"), ("The second", "won", "2"), ("The third", "lost", "2")}
        until(lambda: recent() == wanted, lambda: f"how the matches ended: {recent()}")

        def opponents() -> list[list[str]]:
            return [row.split("\t")[:3] for row in texts(shown, "[data-testid=opponents] tbody tr")]

        until(lambda: ["Player 7", "3", "3"] in opponents(), "the opponents, by name once it is known")
        until(lambda: ["Player 8", "3", "0"] in opponents(), "both of them")
        for media in ({"colorScheme": "light"}, {"colorScheme": "dark"}, {"forcedColors": "active"}):
            shown.do("emulate", **media)
            assert shown.do("axe") == []
        shown.do("viewport", width=320, height=700)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert shown.do("evaluate", script=wide) == 0

        shown.do("click", selector="[data-testid=opponents] a")
        until(lambda: texts(shown, "h1") != [hostile], "the opponent's page")
        shown.do("open", url=f"{served.url}/player/nobody")
        until(lambda: texts(shown, "[data-testid=missing]") != [], "that there is nobody")
        assert shown.do("axe") == []
        assert shown.do("problems") == []

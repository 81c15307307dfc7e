"""All pages by Tab, Enter, arrows and Escape alone: every part is reached, seen to be reached, and left again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.page import Page, page, texts
from tests.browser.walk import Walker
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import STATE, Studio

GAMES = ("dota2", "rocket-league", "football")
PITCH = {"map": {"x": [0, 100], "y": [0, 100]}}


def people(game: str) -> dict[str, Any]:
    """Players with places, and with names that say which match they are in."""
    return {
        key: {**row, "name": f"{row['name']} {game}", "pos": [10 + n * 8, 50]}
        for n, (key, row) in enumerate(STATE["players"].items())  # type: ignore[attr-defined]
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    settings = {"listen__workers": 1, "history__url": "", "history__flush_ms": 20, "history__stats_every_s": 1}
    settings["pace__paused_after_s"] = 600
    with gateway(tmp_path_factory.mktemp("keyboard"), **settings) as process:
        yield process


@pytest.fixture(scope="module")
def studios(served: GatewayProcess) -> Iterator[dict[str, Studio]]:
    url = served.wait_for_log("embedded_store", 1)["url"]
    all_of_them = {game: Studio(url, f"match:{game}") for game in GAMES}
    for game, studio in all_of_them.items():
        studio.open(
            title=f"Cup of {game}", game=game, players=people(game), clock={"t_ms": 0, "running": True}, **PITCH
        )
        for n in range(1, 60):
            clock = {"op": "clock", "t_ms": n * 1_000, "running": True}
            studio.publish([clock, {"op": "kill", "actor": f"p{n % 5}", "target": f"p{5 + n % 5}"}])
        studio.publish({"op": "objective", "id": "o1", "team": "red", "name": "gate", "t_ms": 20_000})
        studio.publish({"op": "objective", "id": "o2", "team": "blue", "name": "tower", "t_ms": 40_000})
    yield all_of_them
    for studio in all_of_them.values():
        studio.close()


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    with page() as one:
        yield one


@pytest.fixture
def walker(served: GatewayProcess, studios: dict[str, Studio], shown: Page) -> Iterator[Walker]:
    """At the first page, which knows all matches."""
    shown.do("viewport", width=1280, height=860)
    shown.do("open", url=served.url)
    until(lambda: len(shown.read()["cards"]) >= len(GAMES), "the matches")
    yield Walker(shown)
    assert shown.do("problems") == []


def to_match(walker: Walker, game: str) -> None:
    """From the list of matches."""
    walker.to(lambda focus: focus["href"] == f"/match/{game}")
    walker.press("Enter")
    walker.arrived(f"/match/{game}", f"Cup of {game}")
    until(
        lambda: walker.shown.do("evaluate", script="document.querySelector('input[type=range]') !== null"),
        "the past",
    )
    until(lambda: walker.shown.read()["feed"], "the feed")
    until(lambda: texts(walker.shown, "[data-testid=match-boards] a"), "its boards")


@pytest.mark.parametrize("game", GAMES)
def test_a_match_of_each_game(walker: Walker, game: str) -> None:
    to_match(walker, game)
    names = [stop["name"] for stop in walker.whole()]
    wanted = ["Pause: match", "Moment of the match", "Back by 30 s", "Speed", "Share this moment", "Events", "Players"]
    met = iter(names)
    assert all(any(name.startswith(want) for name in met) for want in wanted), f"{wanted} in {names}"
    assert len([name for name in names if name.endswith(("gate", "tower"))]) == 1, "the timeline is one stop"
    # Backwards too.
    back = [stop["name"] for _ in names if (stop := walker.press("Shift+Tab")) is not None]
    assert names[-1] in back[:2]
    assert back[back.index(names[-1]) :][:5] == names[::-1][:5]


def test_a_match_is_stopped_rewound_and_read(walker: Walker, studios: dict[str, Studio]) -> None:
    shown, studio = walker.shown, studios["football"]
    to_match(walker, "football")
    # Stopped: what comes waits, and the focus stays where it can be let go.
    walker.to("Pause: match")
    focus = walker.press("Enter")
    assert focus is not None
    assert focus["name"] == "Resume: match"
    before = shown.read()
    for _ in range(3):
        studio.score()
    until(lambda: re.fullmatch(r"\d updates? waits?", texts(shown, "[data-testid=waiting]")[0]), "what waits")
    assert shown.read()["scores"] == before["scores"]
    focus = walker.press("Space")
    assert focus is not None
    assert focus["name"] == "Pause: match"
    until(lambda: shown.read()["scores"] != before["scores"], "the score of now")
    # Into the past by the slider, and back: the button goes, the focus is at the slider.
    walker.to("Moment of the match")
    focus = walker.press("Home")
    until(lambda: shown.read()["state"] == "rewind", "the past")
    walker.to("Back to live")
    focus = walker.press("Enter")
    assert focus is not None
    assert focus["name"] == "Moment of the match"
    until(lambda: shown.read()["state"] == "live", "the present")
    # From mark to mark, each told in words.
    until(lambda: len(shown.do("evaluate", script="[...document.querySelectorAll('main ol button')]")) >= 2, "marks")
    walker.to(lambda focus: str(focus["name"]).endswith("gate"))
    assert texts(shown, "[data-testid=mark]") == ["1′ Red took gate"]
    walker.press("ArrowRight")
    assert texts(shown, "[data-testid=mark]") == ["1′ Blue took tower"]
    # The feed is read by keys; what is new waits above, and leads back to the top.
    walker.to("Important only")
    assert texts(shown, "[data-testid=mark]") == ["1′ Blue took tower"], "the last one again"
    walker.to(lambda focus: focus["name"] == "Events" and focus["role"] == "group")
    until(lambda: len(shown.read()["feed"]) > 10, "the feed of now")
    walker.press("End")
    scrolled = "document.querySelector('[data-testid=feed]').parentElement.scrollTop"
    until(lambda: shown.do("evaluate", script=scrolled) > 100, "earlier events")
    studio.publish({"op": "shot", "actor": "p1", "team": "red"})
    walker.press("ArrowUp")
    until(lambda: "↑ 1 new" in texts(shown, "section button"), "what is new")
    walker.to("↑ 1 new")
    focus = walker.press("Enter")
    assert focus is not None
    assert focus["role"] == "group"
    assert shown.do("evaluate", script=scrolled) == 0


def test_board_search_own_row_and_player(walker: Walker) -> None:
    shown = walker.shown
    walker.to("Leaderboards")
    walker.press("Enter")
    walker.arrived("/boards", "Leaderboards")
    until(lambda: texts(shown, "a[href='/board/kills.all']"), "the board")
    walker.to(lambda focus: focus["href"] == "/board/kills.all")
    walker.press("Enter")
    walker.arrived("/board/kills.all", "Kills")
    until(lambda: texts(shown, "[data-testid=ranking] [role=row] a"), "rows")
    stops = [stop["name"] for stop in walker.whole()]
    assert len(stops) < 20, "thousands of rows are one stop"
    walker.shown.do("evaluate", script="document.activeElement.blur()")
    walker.to(lambda focus: focus["tag"] == "input")
    for letter in "p3":
        shown.do("press", key=letter)
    until(lambda: texts(shown, "[data-testid=hits] li"), "a hit")
    walker.to("This is me")
    walker.press("Enter")
    until(lambda: texts(shown, "[data-testid=around] [aria-current=true]"), "the own row")
    walker.to("Not me")
    focus = walker.press("Enter")
    assert focus is not None
    assert focus["tag"] == "input", "whoever is nobody looks for themselves"
    walker.press("Escape")
    assert texts(shown, "[data-testid=hits] li") == []
    focus = walker.to(lambda stop: stop["row"] is not None)
    assert focus["row"] == "0"
    focus = walker.press("ArrowDown")
    assert focus is not None
    assert focus["row"] == "1"
    member = texts(shown, "[data-testid=ranking] [data-index='1'] a")[0]
    walker.press("Enter")
    until(lambda: str(shown.do("evaluate", script="location.pathname")).startswith("/player/"), "the player")
    walker.arrived(shown.do("evaluate", script="location.pathname"), member.rpartition(" ")[0])
    until(lambda: texts(shown, "[data-testid=opponents] a"), "opponents")
    names = [stop["name"] for stop in walker.whole()]
    assert names.index("This is me") < names.index("Last matches") < names.index("Head to head")
    walker.to(lambda focus: str(focus["href"]).startswith("/player/"))
    walker.press("Enter")
    until(lambda: texts(shown, "h1")[0].rpartition(" ")[0] != member.rpartition(" ")[0], "the opponent")


def test_colours_language_and_performance(walker: Walker) -> None:
    shown = walker.shown
    walker.to("Colours")
    theme = "document.documentElement.dataset.theme"
    walker.press("End")
    until(lambda: shown.do("evaluate", script=theme) == "dark", "dark")
    walker.press("Home")
    walker.to("Language")
    walker.press("End")
    until(lambda: shown.do("evaluate", script="document.documentElement.lang") == "de", "German")
    walker.press("Home")
    until(lambda: shown.do("evaluate", script="document.documentElement.lang") == "en", "English")
    focus = walker.press("Alt+Shift+P")
    until(lambda: texts(shown, "[data-testid=perf] dd"), "the panel")
    until(lambda: (walker.focus() or {}).get("name") == "Performance", "the focus")
    focus = walker.press("Tab")
    assert focus is not None
    assert focus["name"] == "Close"
    focus = walker.press("Escape")
    assert texts(shown, "[data-testid=perf]") == []
    focus = walker.focus()
    assert focus is not None
    assert focus["name"] == "Language", "back to where one was"


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_every_stop_is_seen_in_reading_order(walker: Walker, width: int) -> None:
    walker.shown.do("viewport", width=width, height=760)
    assert len(walker.whole()) >= 6 + len(GAMES)
    for path, ready in (("/board/kills.all", "[data-testid=ranking] a"), ("/match/dota2", "[data-testid=feed] li")):
        walker.shown.do("open", url=walker.shown.do("evaluate", script="location.origin") + path)
        until(lambda ready=ready: texts(walker.shown, ready), path)  # type: ignore[misc]
        assert len(walker.whole()) >= 8


def test_the_operators_page_down_to_one_connection(
    served: GatewayProcess, studios: dict[str, Studio], shown: Page
) -> None:
    walker = Walker(shown)
    shown.do("viewport", width=1280, height=860)
    shown.do("open", tab="viewer", url=f"{served.url}/match/dota2")
    shown.do("open", url=f"{served.admin_url}/operator")
    until(lambda: any("match:dota2" in row for row in texts(shown, "main tbody tr")), "the channels")
    walker.whole()
    shown.do("evaluate", script="document.activeElement.blur()")
    walker.to("Filter channels")
    for letter in "dota":
        shown.do("press", key=letter)
    until(lambda: len(texts(shown, "table[class*=channels] tbody tr")) == 1, "one channel")
    focus = walker.to("Channel")
    focus = walker.to("Channel") if focus["tag"] != "button" else focus
    focus = walker.press("Enter")
    assert focus is not None
    assert focus["tag"] == "button"
    assert shown.do("evaluate", script="document.querySelector('th[aria-sort=ascending]').innerText").startswith(
        "Channel"
    )
    walker.to("match:dota2")
    walker.press("Enter")
    until(lambda: texts(shown, "a[href*='connection=']"), "its connections")
    walker.at_main()
    walker.to(lambda stop: "connection=" in str(stop["href"]))
    walker.press("Enter")
    until(lambda: "anonymous" in " ".join(texts(shown, "main dl")), "the connection")
    walker.to("← All channels")
    walker.press("Enter")
    until(lambda: texts(shown, "input[type=search]") != [], "all channels")
    walker.at_main()
    shown.do("close", tab="viewer")
    assert shown.do("problems") == []


def test_what_failed_is_asked_for_again(walker: Walker) -> None:
    shown = walker.shown
    shown.do("evaluate", script="Math.random = () => 0")
    shown.do("hinder", part="/v1/leaderboards", how="fail")
    try:
        walker.to("Leaderboards")
        walker.press("Enter")
        walker.arrived("/boards", "Leaderboards")
        until(lambda: texts(shown, "main [role=alert] button"), "an error with a button")
        walker.to("Try again")
    finally:
        shown.do("hinder")
    walker.press("Enter")
    until(lambda: texts(shown, "main a[href^='/board/']"), "the boards")
    walker.at_main()

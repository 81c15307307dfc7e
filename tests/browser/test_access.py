"""What WCAG 2.2 asks beyond what axe sees: what is told to the ear, what stops, what does not move, and what other colours leave.

Keyboard: test_keyboard.py. Zoom and narrow windows in every state: test_states.py.
"""

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

PLACED = {
    "map": {"x": [0, 100], "y": [0, 100]},
    "players": {
        key: {**row, "pos": [20, 50], "hp": 100}
        for key, row in STATE["players"].items()  # type: ignore[attr-defined]
    },
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    settings = {"listen__workers": 1, "history__url": "", "history__flush_ms": 20, "pace__paused_after_s": 600}
    with gateway(tmp_path_factory.mktemp("access"), **settings) as process:
        yield process


@pytest.fixture(scope="module")
def studio(served: GatewayProcess) -> Iterator[Studio]:
    match = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:access")
    match.open(title="Access cup", game="arena", **PLACED)
    match.publish({"op": "kill", "actor": "p0", "target": "p7"})
    yield match
    match.close()


@pytest.fixture
def shown(served: GatewayProcess, studio: Studio) -> Iterator[Page]:
    """The match's page."""
    with page() as one:
        one.do("open", url=f"{served.url}/match/access")
        until(lambda: one.read()["version"] and one.read()["state"] == "live", "the match")
        yield one
        assert one.do("problems") == []


# ---- the ear -----------------------------------------------------------------------------------------------------------

LISTEN = """(() => {
  window.heard = [];
  for (const region of document.querySelectorAll("[role=status], [role=alert], [aria-live]"))
    new MutationObserver(() => heard.push([region.getAttribute("role") ?? region.getAttribute("aria-live"), region.textContent]))
      .observe(region, { subtree: true, childList: true, characterData: true });
})()"""
"""Writes down every change of what is read out without being asked for."""


def heard(shown: Page, role: str) -> list[str]:
    return [said for kind, said in shown.do("evaluate", script="window.heard") if kind == role and said]


def test_what_is_read_aloud_is_what_matters(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    told = Studio(studio_url(served), "match:told")
    told.open(title="Told", game="arena", **PLACED)
    shown.do("open", url=f"{served.url}/match/told")
    until(lambda: shown.read()["state"] == "live" and shown.read()["version"], "the match")
    shown.do("evaluate", script=LISTEN)
    # Many small things, one that counts.
    for n in range(200):
        told.publish({"op": "pickup", "player": f"p{n % 10}"})
    told.publish({"op": "score", "team": "red", "by": 2})
    until(lambda: "Red 2, Blue 0" in heard(shown, "status"), "the score to be said")
    for n in range(50):
        told.publish({"op": "pickup", "player": f"p{n % 10}"})
    told.publish({"op": "kill", "actor": "p1", "target": "p8"})
    until(lambda: "Player 1 killed Player 8" in heard(shown, "status"), "the kill to be said")
    shown.do("offline", value=True)
    until(lambda: heard(shown, "alert") == ["Offline"], "the loss to interrupt")
    shown.do("offline", value=False)
    until(lambda: heard(shown, "alert")[-1] == "Live", "that it is there again")
    assert set(heard(shown, "alert")) <= {"Offline", "Reconnecting", "Live"}
    told.publish({"op": "end", "winner": "red"})
    until(lambda: "The match has ended. Red won" in heard(shown, "status"), "the end")
    said = heard(shown, "status")
    assert len(said) == len(set(said)), f"said twice: {said}"
    assert len(said) <= 4, f"more than matters: {said}"
    assert heard(shown, "off") != [], "the visible feed changes, and says nothing"
    told.close()


def test_nothing_is_read_aloud_where_nobody_wants_it(studio: Studio, shown: Page) -> None:
    shown.do("select", selector="label:has-text('Read aloud') select", value="off")
    shown.do("evaluate", script=LISTEN)
    before = shown.read()["scores"]
    studio.score()
    until(lambda: shown.read()["scores"] != before, "the score")
    # Whoever wants to hear again is told what comes from then on.
    shown.do("select", selector="label:has-text('Read aloud') select", value="all")
    studio.publish({"op": "pickup", "player": "p4"})
    until(lambda: heard(shown, "status") != [], "what comes")
    assert heard(shown, "status") == ["Player 4 picks up gold"]


# ---- the clipboard -----------------------------------------------------------------------------------------------------


def test_a_link_goes_to_the_clipboard_or_is_shown(served: GatewayProcess, shown: Page) -> None:
    share = "button:has-text('Share this moment')"
    shown.do("permit", permissions=["clipboard-read", "clipboard-write"])
    until(lambda: texts(shown, "[data-testid=copied]") != [], "the bar")
    shown.do("evaluate", script=LISTEN)
    shown.do("click", selector=share)
    until(lambda: "Link copied" in heard(shown, "status"), "it to be said")
    link = shown.do("evaluate", script="navigator.clipboard.readText()")
    assert re.fullmatch(rf"{served.url}/match/access\?at=\d+-\d+", link)
    until(lambda: texts(shown, "[data-testid=copied]") == [""], "it to have been said")
    # A browser that does not let it: the link is there to be copied, and chosen already.
    shown.do("permit", permissions=[])
    shown.do(
        "evaluate",
        script="navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError'))",
    )
    shown.do("focus", selector=share)
    walker = Walker(shown)
    walker.press("Enter")
    chosen = "document.activeElement.value?.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)"
    until(lambda: shown.do("evaluate", script=chosen) == link, "the link, chosen")
    assert shown.do("axe") == []
    focus = walker.press("Escape")
    assert focus is not None
    assert focus["name"] == "Share this moment"
    # And one in which there is none, as on a page without TLS.
    shown.do("evaluate", script="Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    walker.press("Enter")
    until(lambda: shown.do("evaluate", script=chosen) == link, "the link, chosen")


# ---- what moves --------------------------------------------------------------------------------------------------------


def hold(shown: Page, press: str = "Pause") -> None:
    shown.do("click", selector=f"main div:has(> h1) button:text-is('{press}')")


def test_a_stopped_match_stands_still_until_it_goes_on(studio: Studio, shown: Page) -> None:
    picture = (
        "document.querySelector('main').innerText.replace(/\\d+ updates? waits?/, '').replace('Paused by you', '')"
    )
    for part in ("[data-testid=copied]", "main details > summary", "[data-testid=match-boards] a"):
        until(lambda part=part: texts(shown, part) != [], part)
    until(lambda: shown.read()["feed"] and all(shown.read()["when"]), "the minutes of its events")
    hold(shown)
    before, scores = shown.do("evaluate", script=picture), shown.read()["scores"]
    for n in range(3):
        studio.publish(
            [{"op": "score", "team": "blue", "points_scored": 1}, {"op": "kill", "actor": "p0", "target": "p7"}]
        )
        studio.patch({"clock": {"t_ms": 60_000 * (n + 1)}, "players": {"p1": {"pos": [30 + n, 50]}}})
    held = "grandstand.view('match:access').doc.players.p1.pos[0]"
    until(lambda: shown.do("evaluate", script=held) == 32, "all of it to have come")
    until(lambda: re.fullmatch(r"\d+ updates? waits?", texts(shown, "[data-testid=waiting]")[0]), "a count of it")
    assert shown.do("evaluate", script=picture) == before
    assert shown.do("axe") == []
    hold(shown, "Resume")
    until(lambda: int(shown.read()["scores"][1]) == int(scores[1]) + 3, "the score of now")
    assert texts(shown, "[data-testid=waiting]") == []


def test_a_stopped_list_of_matches_stands_still(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    shown.do("open", url=served.url)
    until(lambda: "/match/access" in shown.read()["cards"], "the list")
    card = "main a[href='/match/access']"
    hold(shown)
    before, studio_new = texts(shown, card), Studio(studio_url(served), "match:newcomer")
    studio.score()
    studio_new.open(title="Newcomer")
    until(
        lambda: (
            "waits" in texts(shown, "[data-testid=waiting]")[0] or "wait" in texts(shown, "[data-testid=waiting]")[0]
        ),
        "a count",
    )
    listed = "Object.keys(grandstand.view('lobby:matches').doc.matches).length"
    until(lambda: shown.do("evaluate", script=listed) > len(shown.read()["cards"]), "the newcomer to have come")
    assert texts(shown, card) == before
    hold(shown, "Resume")
    until(lambda: "/match/newcomer" in shown.read()["cards"] and texts(shown, card) != before, "all of it")
    studio_new.close()


PAGES = ("/", "/match/access", "/boards", "/board/kills.all", "/player/p0", "/embed")


@pytest.mark.parametrize("path", PAGES)
def test_whatever_updates_itself_can_be_stopped(served: GatewayProcess, shown: Page, path: str) -> None:
    shown.do("open", url=served.url + path)
    pause = "[...document.querySelectorAll('main button')].some((button) => button.innerText.startsWith('Pause'))"
    until(lambda: shown.do("evaluate", script=pause), "a button that stops it")


def test_examples_of_the_element_stop(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    shown.do("open", url=f"{served.url}/embed?channel=match:access")
    points = "[...document.querySelectorAll('grandstand-match')].map((one) => one.shadowRoot?.querySelector('.points').innerText)"
    until(
        lambda: all(" : " in text and "–" not in text for text in shown.do("evaluate", script=points)[:1]),
        "the score",
    )
    shown.do("click", selector="#pause")
    before, version = shown.do("evaluate", script=points), "window.told"
    listen = (
        "addEventListener('grandstand-status', ({ detail }) => { window.told = detail.version; }); window.told = null"
    )
    shown.do("evaluate", script=listen)
    studio.score()
    until(lambda: shown.do("evaluate", script=version), "the element to know more")
    assert shown.do("evaluate", script=points) == before
    shown.do("click", selector="#pause")
    until(lambda: shown.do("evaluate", script=points) != before, "the score of now")


def test_cards_keep_their_places_under_the_pointer(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    others = [Studio(studio_url(served), f"match:rank{n}") for n in range(2)]
    for n, other in enumerate(others):
        other.open(title=f"Rank {n}", viewers=5 - n)
    shown.do("open", url=served.url)

    def ranked() -> list[str]:
        return [card for card in shown.read()["cards"] if card.startswith("/match/rank")]

    until(lambda: ranked() == ["/match/rank0", "/match/rank1"], "both, the more watched first")
    shown.do("hover", selector="main a[href='/match/rank0']")
    others[1].patch({"viewers": 50})
    until(lambda: "50 watching" in texts(shown, "main a[href='/match/rank1']")[0], "the new number")
    assert ranked() == ["/match/rank0", "/match/rank1"]
    shown.do("hover", selector="h1")
    others[1].patch({"viewers": 51})
    until(lambda: ranked() == ["/match/rank1", "/match/rank0"], "the new order")
    for other in others:
        other.close()


DRAWN = """(() => {
  window.places = new Set();
  window.drawn = 0;
  const prototype = CanvasRenderingContext2D.prototype, arc = prototype.arc, draw = prototype.drawImage;
  prototype.arc = function (x, ...rest) { places.add(Math.round(x)); return arc.call(this, x, ...rest); };
  // A picture begins with its ground, which is as wide; names are copied as well.
  prototype.drawImage = function (what, ...rest) {
    drawn += what.width === this.canvas.width;
    return draw.call(this, what, ...rest);
  };
  window.since = performance.now();
})()"""


def test_with_reduced_motion_nothing_moves_between(studio: Studio, shown: Page) -> None:
    def go_about() -> dict[str, Any]:
        shown.do("open", url=shown.do("evaluate", script="location.href"))
        until(lambda: shown.read()["version"], "the match")
        shown.do("evaluate", script=DRAWN)
        for n in range(30):
            studio.patch({"players": {"p1": {"pos": [40 if n % 2 else 55, 50]}}})
            until(
                lambda n=n: (
                    shown.do("evaluate", script="grandstand.view('match:access').doc.players.p1.pos[0]")
                    == (40 if n % 2 else 55)
                ),
            )  # type: ignore[misc]
        found: dict[str, Any] = shown.do(
            "evaluate", script="({ places: places.size, drawn, ms: performance.now() - since })"
        )
        return found

    moving = go_about()
    shown.do("emulate", reducedMotion="reduce")
    still = go_about()
    # Ten players stand at two places, the one who moves at two more; between them is nobody.
    assert still["places"] <= 4 < moving["places"], (still, moving)
    assert still["drawn"] <= 2 + still["ms"] / 250
    studio.score()
    until(
        lambda: shown.do("evaluate", script="document.querySelector('[class*=flash]') !== null"),
        "a score that lights up",
    )
    assert shown.do("evaluate", script="document.getAnimations().length") == 0
    moved = """[...document.querySelectorAll("*")].filter((element) => {
      const style = getComputedStyle(element);
      return style.animationName !== "none" || style.transitionDuration !== "0s" || style.scrollBehavior === "smooth";
    }).length"""
    assert shown.do("evaluate", script=moved) == 0
    # Of those who have nothing against it, something does.
    shown.do("click", selector="header nav a")
    until(lambda: shown.read()["cards"], "the list")
    assert shown.do("evaluate", script=moved) == 0
    shown.do("emulate", reducedMotion="no-preference")
    assert shown.do("evaluate", script=moved) > 0


# ---- other colours -----------------------------------------------------------------------------------------------------

CANVAS = """(() => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.cssText = "forced-color-adjust: none; background: Canvas";
  const colour = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return colour;
})()"""
CARRIES = {
    # What these parts say must not go with their colours.
    "/match/access": {
        "[data-testid=state]::before": "backgroundColor",
        "[class*=line]::before": "backgroundColor",
        "[class*=passed]": "backgroundColor",
        "tr[data-side='0'] [class*=swatch]": "backgroundColor",
        "[class*=team][data-side='0']::before": "backgroundColor",
        "button[data-paused]": "borderTopColor",
    },
    "/board/kills.all": {"[role=row] [class*=rank]": "color", "[role=search] input": "borderTopColor"},
    "/": {
        "[class*=pill][data-status=live]::before": "backgroundColor",
        "main ul a": "borderTopColor",
        "nav a[aria-current]": "borderTopColor",
    },
}


@pytest.mark.parametrize("path", CARRIES)
def test_forced_colours_take_nothing_away(served: GatewayProcess, shown: Page, path: str) -> None:
    shown.do("emulate", forcedColors="active")
    shown.do("open", url=served.url + path)
    canvas = shown.do("evaluate", script=CANVAS)
    for selector, member in CARRIES[path].items():
        element, _, pseudo = selector.partition("::")
        there = f"document.querySelector({element!r})"
        until(lambda there=there: shown.do("evaluate", script=f"{there} !== null"), selector)  # type: ignore[misc]
        style = f"getComputedStyle({there}, {'::' + pseudo if pseudo else None!r})".replace("None", "null")
        colour = shown.do("evaluate", script=f"{style}.{member}")
        assert colour not in (canvas, "rgba(0, 0, 0, 0)"), f"{selector} is not seen"
    assert Walker(shown).whole()
    assert shown.do("axe", rules=["target-size", "color-contrast"]) == []


def studio_url(served: GatewayProcess) -> str:
    return str(served.wait_for_log("embedded_store", 1)["url"])

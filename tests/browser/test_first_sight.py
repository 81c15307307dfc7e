"""What a visitor meets: nothing jumps, every page can be walked through by keyboard, and none has a fault that axe finds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.browser.page import Page, page
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import STATE, Studio

ADDRESSES = ["/", "/match/seen", "/boards", "/board/kills.all", "/player/p1", "/operator", "/nothing", "/embed"]

STOPS = """(() => {
  const seen = [];
  for (const element of document.querySelectorAll("a[href], button, input, select, [tabindex='0']"))
    if (element.tabIndex >= 0 && !element.disabled && element.checkVisibility()) seen.push(element);
  return seen.length;
})()"""
FOCUS = """(() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  if (element === null || element === document.body) return null;
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  window.order ??= new Map();
  if (!window.order.has(element)) window.order.set(element, window.order.size);
  const name = (element.ariaLabel || element.labels?.[0]?.innerText || element.innerText || element.placeholder || "").trim();
  const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  return { place: window.order.get(element), name, ring: style.outlineStyle !== "none", inside };
})()"""


TURNED = {"title": "שחר 1 – דן", "teams": {"red": {"name": "שחר 7", "order": 0}, "blue": {"name": "محمد", "order": 1}}}
HAPPENINGS = [{"op": "score", "team": "red", "actor": "p0", "minute": 3}, {"op": "foul", "actor": "p0", "kind": "3"}]
EMBEDDED = """import("/grandstand-match.js").then(() => {
  document.querySelector("main").insertAdjacentHTML("beforeend", '<grandstand-match channel="match:turned"></grandstand-match>');
})"""
PLACES = """(() => {
  // From where to where, on the page, a text of an element is.
  const place = (element, text) => {
    const range = document.createRange(), walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const from = element.textContent.indexOf(text), to = from + text.length;
    for (let at = 0, node = walker.nextNode(); node !== null; at += node.length, node = walker.nextNode()) {
      if (at <= from && from < at + node.length) range.setStart(node, from - at);
      if (at < to && to <= at + node.length) range.setEnd(node, to - at);
    }
    const { left, right } = range.getBoundingClientRect();
    return [Math.round(left), Math.round(right)];
  };
  const places = (element, ...texts) => texts.map((text) => place(element, text));
  const one = (selector) => document.querySelector(selector);
  const row = one("[data-testid=players] tbody tr"), card = one("grandstand-match")?.shadowRoot.querySelector(".card");
  return {
    mark: places(one("[data-testid=mark]"), "3′", "Goal by", "שחר 9"),
    foul: places(one("[data-testid=feed] li"), "Foul by", "שחר 9", "(3)"),
    row: places(row, "שחר 9", row.querySelector("td").textContent),
    board: places(one("[aria-label=Score]"), "שחר 7", "1", "0", "محمد"),
    card: card ? places(card, "שחר 7", "1 : 0", "محمد") : [],
    edges: card ? [card.getBoundingClientRect().left, place(card, "שחר 7")[0]] : [],
  };
})()"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("sight"), listen__workers=1) as process:
        studio = Studio(process.wait_for_log("embedded_store", 1)["url"], "match:seen")
        studio.open(title="Seen")
        for n in range(1, 9):
            studio.publish({"op": "kill", "actor": f"p{n}", "target": "p0"})
        yield process
        studio.close()


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    with page() as one:
        yield one


def settled(shown: Page) -> None:
    """The page has drawn what it was asked for."""
    until(lambda: shown.do("evaluate", script="document.querySelector('main h1, main p') !== null"), "the page")
    quiet = "document.querySelector('[aria-busy=true]') === null && document.fonts.status === 'loaded'"
    until(lambda: shown.do("evaluate", script=quiet), "the page to be quiet")


@pytest.mark.parametrize("address", ADDRESSES)
def test_by_keyboard_alone(served: GatewayProcess, shown: Page, address: str) -> None:
    shown.do("open", url=served.url + address)
    settled(shown)
    assert shown.do("axe") == []
    stops = shown.do("evaluate", script=STOPS)
    seen: list[int] = []
    for _ in range(stops + 30):
        shown.do("press", key="Tab")
        focus = shown.do("evaluate", script=FOCUS)
        if focus is None:
            # Out of the document: the browser's own buttons are next.
            break
        assert focus["ring"], f"{focus['name']} does not show that it has the focus"
        assert focus["inside"], f"{focus['name']} has the focus out of sight"
        assert focus["name"], "something without a name has the focus"
        if focus["place"] in seen:
            break
        seen.append(focus["place"])
    assert len(seen) >= min(2, stops)
    assert seen == sorted(seen)


def test_the_first_stop_leads_to_the_content(served: GatewayProcess, shown: Page) -> None:
    shown.do("open", url=f"{served.url}/boards")
    settled(shown)
    shown.do("press", key="Tab")
    assert shown.do("evaluate", script="document.activeElement.getAttribute('href')") == "#main"
    shown.do("press", key="Enter")
    until(lambda: shown.do("evaluate", script="document.activeElement.id") == "main", "the content to have the focus")


@pytest.mark.parametrize("address", ["/", "/match/seen", "/board/kills.all", "/player/p1"])
def test_nothing_jumps(served: GatewayProcess, shown: Page, address: str) -> None:
    shown.do("open", url=served.url + address)
    settled(shown)
    script = """new Promise((resolve) => {
      let shift = 0, paint = 0;
      new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) shift += e.value; })
        .observe({ type: "layout-shift", buffered: true });
      new PerformanceObserver((list) => { paint = list.getEntries().at(-1).startTime; })
        .observe({ type: "largest-contentful-paint", buffered: true });
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve({ shift, paint }), 0)));
    })"""
    measured = shown.do("evaluate", script=script)
    assert measured["shift"] < 0.05
    assert measured["paint"] > 0


def test_names_from_right_to_left_turn_nothing_around(served: GatewayProcess, shown: Page) -> None:
    studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:turned")
    players: dict[str, Any] = {**STATE["players"], "p0": {"name": "שחר 9", "team": "red", "kills": 0, "deaths": 0}}  # type: ignore[dict-item]
    studio.open(**TURNED, game="football", players=players)
    shown.do("open", url=f"{served.url}/match/turned")
    settled(shown)
    studio.publish(HAPPENINGS)
    until(lambda: shown.read()["scores"] == ["1", "0"], "the goal")
    # Lists follow a little later than scores.
    until(lambda: any("(3)" in line for line in shown.read()["feed"][:1]), "the foul")
    # The element of other sites, on the same page.
    shown.do("evaluate", script=EMBEDDED)
    in_card = "document.querySelector('grandstand-match').shadowRoot?.querySelector('.points')?.textContent ?? null"
    until(lambda: shown.do("evaluate", script=in_card) == "1 : 0", "the element")
    places = shown.do("evaluate", script=PLACES)
    left, name = places.pop("edges")
    assert name - left < 40, "the first team's name is not where the first team is"
    for where, pieces in places.items():
        for (_, before), (after, _) in pairwise(pieces):
            assert before <= after + 1, f"{where}: {pieces}"
    assert shown.do("problems") == []
    studio.close()

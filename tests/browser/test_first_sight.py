"""What a visitor meets: nothing jumps, every page can be walked through by keyboard, and none has a fault that axe finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.page import Page, page
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import until

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
    until(lambda: shown.do("evaluate", script="document.querySelector('main h1, main p') !== null"), 30, "the page")
    quiet = "document.querySelector('[aria-busy=true]') === null && document.fonts.status === 'loaded'"
    until(lambda: shown.do("evaluate", script=quiet), 30, "the page to be quiet")


@pytest.mark.timeout(120)
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


@pytest.mark.timeout(120)
def test_the_first_stop_leads_to_the_content(served: GatewayProcess, shown: Page) -> None:
    shown.do("open", url=f"{served.url}/boards")
    settled(shown)
    shown.do("press", key="Tab")
    assert shown.do("evaluate", script="document.activeElement.getAttribute('href')") == "#main"
    shown.do("press", key="Enter")
    until(
        lambda: shown.do("evaluate", script="document.activeElement.id") == "main", 10, "the content to have the focus"
    )


@pytest.mark.timeout(120)
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

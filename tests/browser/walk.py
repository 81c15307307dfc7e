"""Somebody at a page with a keyboard and no mouse: goes from stop to stop, and looks whether each shows where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.page import Page
from tests.patience import until

STOPS_MAX = 120
"""No page has so many: more is a trap."""

FOCUS = """(() => {
  const within = (element) => (element?.shadowRoot?.activeElement ? within(element.shadowRoot.activeElement) : element);
  const element = within(document.activeElement);
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  const ring = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow.includes("inset");
  const [left, right] = [Math.max(box.left, 0) + 1, Math.min(box.right, innerWidth) - 1];
  const [top, bottom] = [Math.max(box.top, 0) + 1, Math.min(box.bottom, innerHeight) - 1];
  const own = (x, y) => {
    const at = document.elementFromPoint(x, y);
    return at !== null && (at === element || at.contains(element) || element.contains(at) || at.shadowRoot?.contains(element));
  };
  const points = [[(left + right) / 2, (top + bottom) / 2], [left, top], [right, top], [left, bottom], [right, bottom]];
  // Where a style says that the order is the one that is seen.
  const flowing = (one) => one !== null && (getComputedStyle(one).readingFlow === "flex-visual" || flowing(one.parentElement));
  window.places ??= new WeakMap();
  window.placed ??= 0;
  if (!window.places.has(element)) window.places.set(element, window.placed++);
  const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? (element.id === "main" ? "main" : null);
  return {
    name: (label || element.innerText || element.placeholder || "").trim().split("\\n")[0],
    tag: element.localName, href: element.getAttribute("href"), id: element.id, place: window.places.get(element),
    role: element.getAttribute("role"), row: element.dataset.index ?? null, value: element.value ?? null,
    ring, inside: right > left && bottom > top, seen: points.some(([x, y]) => own(x, y)),
    after: !window.before?.isConnected || flowing(element) || (window.before.compareDocumentPosition(element) & 4) > 0,
    remembered: void (window.before = element),
  };
})()"""

ODD_ORDER = """[...document.querySelectorAll("body *")].filter((element) => {
  if (element.tabIndex > 0) return true;
  const { order, flexDirection, display } = getComputedStyle(element);
  const stops = "a[href], button, input, select, [tabindex='0']";
  if (!element.matches(stops) && !element.querySelector(stops)) return false;
  if (display.includes("flex") && flexDirection.endsWith("reverse")) return true;
  return order !== "0" && !getComputedStyle(element.parentElement).readingFlow?.startsWith("flex-visual");
}).map((element) => element.outerHTML.slice(0, 120))"""
"""What is seen in another order than it is gone through."""

Focus = dict[str, Any]


class Walker:
    """Presses keys, and asserts of every stop that the focus is seen there and that it has a name."""

    def __init__(self, shown: Page) -> None:
        self.shown = shown

    def focus(self) -> Focus | None:
        """Where the focus is; None where it is nowhere."""
        found: Focus | None = self.shown.do("evaluate", script=FOCUS)
        return found

    def press(self, *keys: str) -> Focus | None:
        """Presses these, and looks where the focus is then."""
        for key in keys:
            self.shown.do("press", key=key)
        found = self.focus()
        if found is not None:
            _check(found)
        return found

    def to(self, wanted: str | Callable[[Focus], bool], key: str = "Tab") -> Focus:
        """On by a key, until the stop whose name begins so, or that fits."""
        fits = wanted if callable(wanted) else (lambda focus: str(focus["name"]).startswith(wanted))
        met = []
        for _ in range(STOPS_MAX):
            focus = self.press(key)
            if focus is not None and fits(focus):
                return focus
            met.append(focus and focus["name"])
        raise AssertionError(f"never came to {wanted}: {met}")

    def whole(self) -> list[Focus]:
        """Every stop from the beginning of the page to its end, in the order of the document and of what is seen."""
        self.shown.do("evaluate", script="document.activeElement?.blur(); window.before = null; scrollTo(0, 0)")
        self.to("Skip to the content")
        stops: list[Focus] = []
        for _ in range(STOPS_MAX):
            focus = self.press("Tab")
            if focus is None or focus["name"] == "Skip to the content":
                assert self.shown.do("evaluate", script=ODD_ORDER) == []
                return stops
            assert focus["after"], f"{focus['name']} comes too late"
            stops.append(focus)
        raise AssertionError(f"no way out: {[stop['name'] for stop in stops]}")

    def at_main(self) -> Focus:
        """Asserts that the focus is on the page's content, not nowhere."""
        focus = self.focus()
        assert focus is not None, "the focus is nowhere"
        assert focus["id"] == "main"
        return focus

    def arrived(self, path: str, heading: str) -> None:
        """A link has led to another page: it begins at its content, and says what it is."""
        until(lambda: self.shown.do("evaluate", script="location.pathname") == path, path)
        title = "document.querySelector('main h1')?.innerText ?? ''"
        until(lambda: str(self.shown.do("evaluate", script=title)).startswith(heading), heading)
        focus = self.at_main()
        assert focus["ring"], "nothing shows where the focus is"
        said = "document.querySelector('[data-testid=gone-to]').innerText"
        until(lambda: str(self.shown.do("evaluate", script=said)).startswith(heading), f"{heading} to be said")


def _check(focus: Focus) -> None:
    assert focus["name"], f"a {focus['tag']} without a name has the focus"
    assert focus["ring"], f"{focus['name']} does not show that it has the focus"
    assert focus["inside"], f"{focus['name']} has the focus out of sight"
    assert focus["seen"], f"something lies over {focus['name']}, which has the focus"

"""The element for other sites, on another site: live, isolated, one connection for all, and honest when it cannot show anything."""

from __future__ import annotations

import contextlib
import functools
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.page import Page, page
from tests.faults.proxy import proxy
from tests.patience import until
from tests.ports import free_port
from tests.system.gateway import gateway
from tests.system.publishing import Studio

OURS, THEIRS = "rgb(10, 92, 194)", "rgb(185, 64, 10)"
"""What the two sides have where nobody says anything else, light."""
HOSTILE = '<img src=x onerror="document.title=1">'

SITE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A club</title>
<style>
  article, h3, b, span {{ display: none !important; color: red !important; }}
  grandstand-match {{ --grandstand-background: rgb(1, 2, 3); --grandstand-ink: rgb(250, 250, 250); }}
</style>
<script type="module" src="{gateway}/grandstand-match.js"></script></head>
<body><main><h1>A club</h1><h2>Now</h2>
<grandstand-match id="one" channel="match:one"></grandstand-match>
<grandstand-match id="again" channel="match:one" lang="de" link="none"></grandstand-match>
<grandstand-match id="two" channel="match:two" link="javascript:alert(1)"></grandstand-match>
<grandstand-match id="none" channel="match:nobody"></grandstand-match>
</main></body></html>
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextlib.contextmanager
def site(directory: Path) -> Iterator[str]:
    """Another site: the directory over HTTP; gives its origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=directory)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def inside(shown: Page, name: str, selector: str, what: str = "innerText") -> Any:
    return shown.do(
        "evaluate", script=f"document.getElementById({name!r}).shadowRoot?.querySelector({selector!r})?.{what} ?? null"
    )


def style(shown: Page, name: str, selector: str, key: str) -> Any:
    element = f"document.getElementById({name!r}).shadowRoot.querySelector({selector!r})"
    return shown.do("evaluate", script=f"getComputedStyle({element})[{key!r}]")


def bar(shown: Page, name: str, side: int) -> Any:
    """Computed colours of the bar under a team's name."""
    team = f"document.getElementById({name!r}).shadowRoot.querySelectorAll('.team')[{side}]"
    keys = "({ backgroundColor, outlineColor }) => ({ backgroundColor, outlineColor })"
    return shown.do("evaluate", script=f"({keys})(getComputedStyle({team}, '::after'))")


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of `rgb(1, 2, 3)` or `color(srgb 0.1 0.2 0.3)`."""
    parts = [float(part) for part in re.findall(r"[0-9.]+", colour)[:3]]
    channels = parts if colour.startswith("color(srgb ") else [part / 255 for part in parts]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2) of two computed colours."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_on_another_site(tmp_path: Path) -> None:
    pages = tmp_path / "site"
    pages.mkdir()
    with (
        site(pages) as origin,
        gateway(tmp_path / "gateway", listen__workers=1, access__origins=[origin], pace__paused_after_s=600) as served,
        page() as shown,
    ):
        (pages / "index.html").write_text(SITE.format(gateway=served.url))
        one, two = (Studio(served.wait_for_log("embedded_store", 1)["url"], f"match:{name}") for name in ("one", "two"))
        one.open(title="Final", clock={"t_ms": 61_000, "running": True})
        two.open(title=HOSTILE, teams={"x": {"name": HOSTILE, "score": "many"}, "y": 7}, clock=[])
        shown.do("open", url=f"{origin}/index.html")
        until(lambda: inside(shown, "one", ".points") == "0 : 0", "the score")
        assert inside(shown, "one", ".title") == "Final"
        until(lambda: "1:03" <= (inside(shown, "one", ".clock") or "") <= "1:07", "the clock, told once, to go")
        one.publish({"op": "score", "team": "red", "by": 3})
        until(lambda: inside(shown, "one", ".points") == "3 : 0", "the new score")
        until(lambda: inside(shown, "again", ".points") == "3 : 0", "it to be everywhere")
        assert inside(shown, "one", ".points", "getAttribute('aria-label')") == "Red 3 to 0 Blue"

        # The site's styles do not get in; what it sets as custom properties does.
        assert style(shown, "one", "article", "display") == "grid"
        assert style(shown, "one", "article", "backgroundColor") == "rgb(1, 2, 3)"
        assert style(shown, "one", ".points", "color") == "rgb(250, 250, 250)"

        # Teams have the colours of the match; what is no colour is passed over.
        assert bar(shown, "one", 0)["backgroundColor"] == bar(shown, "again", 0)["backgroundColor"] == OURS
        one.patch({"teams": {"red": {"color": "#fefefe"}, "blue": {"color": "url(x)"}}})
        until(lambda: bar(shown, "one", 0)["backgroundColor"] == "rgb(254, 254, 254)", "the team's colour")
        assert bar(shown, "one", 1)["backgroundColor"] == THEIRS
        # Whatever the colour, its edge stands out from the card: in a site's colours, and in ours of each theme.
        assert contrast(bar(shown, "one", 0)["outlineColor"], style(shown, "one", "article", "backgroundColor")) >= 3
        ours = "'--grandstand-background', 'initial'), again.style.setProperty('--grandstand-ink', 'initial')"
        for theme in ("light", "dark"):
            shown.do("evaluate", script=f"again.setAttribute('theme', {theme!r}), again.style.setProperty({ours}")
            card = style(shown, "again", "article", "backgroundColor")
            assert card != "rgb(1, 2, 3)"
            assert contrast(bar(shown, "again", 0)["outlineColor"], card) >= 3
        shown.do("emulate", forcedColors="active")
        assert bar(shown, "one", 0)["outlineColor"] == style(shown, "one", "article", "color")
        shown.do("emulate", forcedColors="none")
        shown.do(
            "evaluate", script="document.getElementById('again').style.setProperty('--grandstand-side-0', '#010203')"
        )
        assert bar(shown, "again", 0)["backgroundColor"] == "rgb(1, 2, 3)"

        # Words of the place; text is text; a link is no script.
        until(lambda: inside(shown, "one", ".status") == "Live", "it to say that it is live")
        assert inside(shown, "again", ".link", "hidden") is True
        assert inside(shown, "one", ".link", "href") == f"{served.url}/match/one"
        until(lambda: inside(shown, "two", ".title") == HOSTILE, "the name as text")
        assert shown.do("evaluate", script="document.title") == "A club"
        assert inside(shown, "two", "img") is None
        assert inside(shown, "two", ".link", "getAttribute('href')") == "#"
        until(lambda: inside(shown, "none", ".message") == "This match has not begun.", "what is not there")

        # One connection for all of them, and none when they are gone.
        until(lambda: served.metric("grandstand_connections", state="ws") == 1, "one connection")
        assert shown.do("axe") == []
        shown.do("evaluate", script="document.getElementById('two').setAttribute('channel', 'match:one')")
        until(lambda: inside(shown, "two", ".points") == "3 : 0", "another match")
        shown.do("evaluate", script="document.querySelectorAll('grandstand-match').forEach((one) => one.remove())")
        until(lambda: served.metric("grandstand_connections", state="ws") == 0, "the connection to be given back")
        one.close()
        two.close()


def test_a_site_that_may_not_is_told_so_on_the_page(tmp_path: Path) -> None:
    pages = tmp_path / "site"
    pages.mkdir()
    with (
        site(pages) as origin,
        gateway(tmp_path / "gateway", listen__workers=1, pace__paused_after_s=600) as served,
        page() as shown,
    ):
        (pages / "index.html").write_text(SITE.format(gateway=served.url))
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:one")
        studio.open()
        shown.do("open", url=f"{origin}/index.html")
        until(lambda: inside(shown, "one", ".status", "dataset.status") == "reconnecting", "it to say so")
        assert inside(shown, "one", ".points") == "– : –"
        studio.close()


# ---- the element in every state, on the page of examples ---------------------------------------------------------------

STATES = {
    # English and German of what says so.
    "loading": ("Connecting", "Verbindet"),
    "live": ("Live", "Live"),
    "paused": ("Paused", "Pausiert"),
    "ended": ("Ended", "Beendet"),
    "unknown": ("This match has not begun.", "Dieses Spiel hat noch nicht begonnen."),
    "offline": ("Offline", "Offline"),
    "reconnecting": ("Reconnecting", "Verbindet neu"),
}
SAID = """(() => {
  const root = document.querySelector("grandstand-match").shadowRoot;
  const shown = [".status", ".message"].map((part) => root?.querySelector(part)).filter((part) => part && !part.hidden);
  return shown.map((part) => part.innerText).filter(Boolean);
})()"""
LANGUAGE = "document.querySelector('grandstand-match').shadowRoot.querySelector('.status').lang"


def test_every_state_in_every_language_and_colour(tmp_path: Path) -> None:
    with (
        gateway(tmp_path, listen__workers=1, pace__paused_after_s=3) as served,
        proxy(served.port) as way,
        page() as shown,
    ):
        url = served.wait_for_log("embedded_store", 1)["url"]
        studios = {name: Studio(url, f"match:{name}") for name in ("live", "paused", "ended")}
        for name, studio in studios.items():
            studio.open(title=f"Cup {name}")
        studios["ended"].publish({"op": "end", "winner": "red"})
        until(lambda: served.metric("grandstand_keyframes_total") >= 1, "the list of matches")
        for name, (english, german) in STATES.items():
            way.target = served.port
            shown.do("hinder")
            shown.do("offline", value=False)
            channel = {"unknown": "nobody"}.get(name, name if name in studios else "live")
            if name == "loading":
                shown.do("hinder", part=f"/v1/channels/match:{channel}")
            address = f"http://127.0.0.1:{way.port}/embed?channel=match:{channel}"
            shown.do("open", url=address)
            if name in ("offline", "reconnecting"):
                until(lambda: shown.do("evaluate", script=SAID) in (["Live"], ["Paused"]), "the match")
                if name == "offline":
                    shown.do("offline", value=True)
                else:
                    way.switch(free_port())

            def said(word: str, live: bool = name == "live") -> bool:
                if live:
                    studios["live"].score()
                return bool(shown.do("evaluate", script=SAID) == [word])

            until(lambda: said(english), english)  # noqa: B023
            for scheme in ("light", "dark"):
                shown.do("emulate", colorScheme=scheme)
                assert shown.do("axe") == [], (name, scheme)
            shown.do("viewport", width=320, height=700)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert shown.do("evaluate", script=wide) == 0, name
            if name == "loading":
                # What is held is given up after ten seconds.
                shown.do("open", url=address)
            # The place is in another language from now on. Some states have one word in both: the language tells them apart.
            shown.do("evaluate", script="document.documentElement.lang = 'de'")
            until(lambda: shown.do("evaluate", script=LANGUAGE) == "de" and said(german), german)  # noqa: B023
            shown.do("viewport", width=1280, height=860)
        assert shown.do("problems") == []
        for studio in studios.values():
            studio.close()


PROPERTIES = {
    # What a site may set, and where it is seen.
    "background": ("article", "", "backgroundColor"),
    "ink": (".points", "", "color"),
    "soft": ("header", "", "color"),
    "line": ("article", "", "borderTopColor"),
    "side-0": (".team", "::after", "backgroundColor"),
    "side-1": (".team ~ .team", "::after", "backgroundColor"),
    "live": (".status", "::before", "backgroundColor"),
}


def test_a_site_colours_it_by_custom_properties(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=1, pace__paused_after_s=600) as served, page() as shown:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:one")
        studio.open(title="Final")
        shown.do("open", url=f"{served.url}/embed?channel=match:one")
        until(lambda: shown.do("evaluate", script=SAID) == ["Live"], "live")
        element = "document.querySelector('grandstand-match')"

        def seen(name: str) -> str:
            selector, pseudo, key = PROPERTIES[name]
            part = f"{element}.shadowRoot.querySelector({selector!r})"
            return str(shown.do("evaluate", script=f"getComputedStyle({part}, {pseudo!r})[{key!r}]"))

        for theme in ("", "light", "dark"):
            shown.do("evaluate", script=f"{element}.setAttribute('theme', {theme!r})")
            for n, name in enumerate(PROPERTIES):
                own, wanted = seen(name), f"rgb({n + 1}, {n + 2}, {n + 3})"
                shown.do("evaluate", script=f"{element}.style.setProperty('--grandstand-{name}', {wanted!r})")
                assert seen(name) == wanted, (theme, name)
                shown.do("evaluate", script=f"{element}.style.removeProperty('--grandstand-{name}')")
                assert seen(name) == own, (theme, name)
        for name, value, key in (("radius", "3px", "borderTopLeftRadius"), ("font", "Georgia, serif", "fontFamily")):
            shown.do("evaluate", script=f"{element}.style.setProperty('--grandstand-{name}', {value!r})")
            card = f"getComputedStyle({element}.shadowRoot.querySelector('article')).{key}"
            assert shown.do("evaluate", script=card) == value
        studio.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_examples(tmp_path: Path, scheme: str) -> None:
    with gateway(tmp_path, listen__workers=1, pace__paused_after_s=600) as served, page() as shown:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:one")
        studio.open(title="Final")
        until(lambda: served.metric("grandstand_keyframes_total") >= 1, "the list of matches")
        shown.do("emulate", colorScheme=scheme)
        shown.do("open", url=f"{served.url}/embed?channel=match:one")
        points = (
            "document.querySelectorAll('grandstand-match'), (one) => one.shadowRoot?.querySelector('.points').innerText"
        )
        ready = f"Array.from({points}).every((text) => text === '0 : 0')"
        until(lambda: shown.do("evaluate", script=ready), "every example")
        assert shown.do("axe") == []
        assert shown.do("problems") == []
        studio.close()

"""The performance panel, and what pages tell the gateway of how they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.middlebox import middlebox
from tests.browser.page import Page, page
from tests.faults.beat import Beat
from tests.patience import until
from tests.system.gateway import gateway
from tests.system.publishing import Studio


def figure(shown: Page, name: str) -> Any:
    """The panel's figure of that name, as text."""
    script = f"""(() => {{
      const term = [...document.querySelectorAll("[data-testid=perf] dt")].find((dt) => dt.innerText === {name!r});
      return term?.nextElementSibling?.innerText ?? null;
    }})()"""
    return shown.do("evaluate", script=script)


def tells_by_request(shown: Page, tab: str) -> None:
    """The tab's own report has come by a request, and was taken."""
    script = """performance.getEntriesByType("resource")
      .some(({ name, responseStatus }) => name.endsWith("/v1/beats") && responseStatus === 204)"""
    until(lambda: shown.do("evaluate", tab=tab, script=script), f"a report of {tab}")


def test_panel_and_beats(tmp_path: Path) -> None:
    countries = {"page__country_header": "X-Country", "page__countries": ["AT", "DE"]}
    with (
        gateway(tmp_path, listen__workers=1, **countries) as served,
        middlebox(served.port, "websocket", "stream") as between,
        page() as shown,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:perf")
        studio.open()
        with Beat(studio, 20):
            # As a proxy in front would say it.
            shown.do("headers", values={"X-Country": "AT"})
            shown.do("open", url=f"{served.url}/match/perf?perf")

            def measures() -> bool:
                names = ("Messages/s", "Message to pixel", "Frames/s", "JS heap")
                rate, delay, frames, heap = (figure(shown, name) or "–" for name in names)
                return "–" not in (rate, delay, frames, heap) and float(rate) > 1

            until(measures, "figures of everything")
            label = "document.querySelector('[data-testid=perf-histogram]').getAttribute('aria-label')"
            assert "up to 16 ms" in shown.do("evaluate", script=label)
            for scheme in ("light", "dark"):
                shown.do("emulate", colorScheme=scheme)
                assert shown.do("axe") == []
            is_open = "document.querySelector('[data-testid=perf]') !== null"
            shown.do("press", key="Alt+Shift+P")
            until(lambda: not shown.do("evaluate", script=is_open), "it to be closed")
            shown.do("press", key="Alt+Shift+P")
            until(lambda: shown.do("evaluate", script=is_open), "it to be open again")

            # The first beat is due after some ten seconds.
            told = "grandstand_page_tick_to_pixel_seconds_count"
            until(lambda: served.metric(told, country="AT", browser="chromium") > 0, "the page's report")
            # A beat of a page with too few frames to tell of has none.
            frames = "grandstand_page_frame_seconds_count"
            until(lambda: served.metric(frames, country="AT", browser="chromium") >= 1, "its frames")
            # Without a WebSocket of their own: beside the tab that has the connection, and where none gets through.
            shown.do("open", url=served.url, tab="follower")
            shown.do("open", url=f"http://127.0.0.1:{between.port}", tab="polling")
            until(lambda: shown.do("read", tab="polling")["connection"]["transport"] == "polling", "polling")
            role = shown.do("read", tab="follower")["connection"]["role"]
            assert role == "follower"
            for tab in ("follower", "polling"):
                tells_by_request(shown, tab)
            assert served.metric("grandstand_beats_total", browser="chromium") >= 3
        assert shown.do("problems") == []
        studio.close()

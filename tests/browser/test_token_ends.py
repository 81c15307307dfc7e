"""Viewers whose token ends: the page says so, keeps what it shows, takes another one and goes on, by every way, without a reload.

One gateway and one browser serve all of it; each way has an origin of its own, so tabs of one know nothing of the others' tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.middlebox import middlebox
from tests.browser.page import Page, page
from tests.browser.test_embed import site
from tests.browser.test_tokens import SECRET, token
from tests.faults.beat import Beat
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio

LIFE_S = 8
CODE = "document.querySelector('[data-testid=access]')?.dataset.code ?? null"
KEPT = """[location.href, {
  local: { ...localStorage }, session: { ...sessionStorage }, cookie: document.cookie, title: document.title,
  text: document.body.innerText, attributes: [...document.querySelectorAll("[href], [src]")].map((one) => one.outerHTML),
}]"""
SITE = """<!doctype html><html lang="en"><title>A studio</title>
<script type="module" src="%(gateway)s/grandstand-match.js"></script>
<grandstand-match channel="match:ends" token="%(token)s"></grandstand-match>
<iframe title="Match" width="900" height="700" src="%(gateway)s/match/ends"></iframe>
<script>
const [element, frame] = document.querySelectorAll("grandstand-match, iframe");
element.addEventListener("grandstand-status", (event) => (window.detail = event.detail));
addEventListener("message", ({ source, data }) => {
  if (source === frame.contentWindow && data.type === "grandstand-refused") window.refused = data.code;
});
function give(token, gateway) {
  element.setAttribute("token", token);
  frame.contentWindow.postMessage({ type: "grandstand-token", token }, gateway);
}
</script>"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("ends")
    (folder / "keys").write_text(SECRET)
    access = {"access__keys_file": folder / "keys", "access__anonymous": False, "access__leeway_s": 0}
    with gateway(folder, listen__workers=1, page__frame_ancestors=["*"], access__origins=["*"], **access) as one:
        yield one


@pytest.fixture(scope="module")
def shown(served: GatewayProcess) -> Iterator[Page]:
    with page() as one:
        # A browser takes its time to come up; a token's is short.
        one.do("open", url=f"{served.url}/")
        yield one
        assert one.do("problems") == []


@pytest.fixture(scope="module")
def studio(served: GatewayProcess) -> Iterator[Studio]:
    one = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:ends")
    one.open()
    # A match in which nothing happens would be paused by its publisher's silence.
    with Beat(one, 4):
        yield one
    one.close()


def by_address(shown: Page, given: str, tab: str) -> None:
    shown.do("evaluate", tab=tab, script=f"location.hash = '#token={given}'")


def by_form(shown: Page, given: str, tab: str) -> None:
    shown.do("fill", tab=tab, selector="[data-testid=access] input", value=given)
    shown.do("press", tab=tab, key="Enter")


def state(shown: Page, tab: str) -> object:
    return shown.do("read", tab=tab)["state"]


def ends(shown: Page, tab: str) -> None:
    """By itself, some seconds after it was given."""
    by_address(shown, token(LIFE_S), tab)


def wrong(shown: Page, tab: str) -> None:
    """The viewer is given one that has ended already."""
    by_address(shown, token(-60), tab)


@pytest.mark.parametrize(
    ("way", "end", "give"),
    [("websocket", ends, by_address), ("sse", wrong, by_form), ("polling", wrong, by_address)],
    ids=["websocket", "sse", "polling"],
)
def test_a_viewer_whose_token_ends_goes_on_with_another(
    served: GatewayProcess,
    shown: Page,
    studio: Studio,
    way: str,
    end: Callable[[Page, str], None],
    give: Callable[[Page, str, str], None],
) -> None:
    second = token(600)
    with middlebox(served.port, *(["websocket"] if way != "websocket" else [])) as between:
        if way == "polling":
            shown.do("hinder", part="/stream", how="fail")
        shown.do("open", tab=way, url=f"http://127.0.0.1:{between.port}/match/ends#token={token(300)}")
        until(lambda: state(shown, way) == "live", "the match")
        assert shown.do("read", tab=way)["connection"]["transport"] == way
        score = str(int(shown.do("read", tab=way)["scores"][0]) + 1)
        end(shown, way)
        until(lambda: state(shown, way) == "refused", "it to say that the token has ended")
        assert shown.do("evaluate", tab=way, script=CODE) == "unauthorized"
        said = shown.do("evaluate", tab=way, script="document.querySelector('[data-testid=access] p').innerText")
        assert said == "Your token has ended or is not good. What is shown is the last known state."
        held = shown.do("read", tab=way)
        assert held["version"], "what is known stays"
        assert held["scores"][0] == str(int(score) - 1)
        if way == "websocket":
            assert shown.do("axe", tab=way) == []
        studio.patch({"teams": {"red": {"score": int(score)}}})
        give(shown, second, way)
        until(lambda: state(shown, way) == "live" and shown.do("read", tab=way)["scores"][0] == score, "it to go on")
        # What is asked over HTTP is asked anew beside it, and may be answered later.
        until(lambda: shown.do("evaluate", tab=way, script=CODE) is None, "nothing to be refused any more")
        assert shown.do("read", tab=way)["marker"] == "same page"
        assert shown.do("read", tab=way)["connection"]["transport"] == way
        # Nowhere but where the documents say.
        kept = shown.do("evaluate", tab=way, script=KEPT)
        assert kept[0] == f"http://127.0.0.1:{between.port}/match/ends"
        assert kept[1]["session"].pop("grandstand.token") == second
        assert second not in json.dumps(kept)
        asked = shown.do("requests", part=second)
        assert asked == 0, "no address holds it"
        assert second not in served.log_text()
    shown.do("hinder")
    shown.do("close", tab=way)


def test_a_site_hands_its_frame_and_its_element_another_token(
    served: GatewayProcess, shown: Page, studio: Studio, tmp_path: Path
) -> None:
    with site(tmp_path) as origin:
        (tmp_path / "index.html").write_text(SITE % {"gateway": served.url, "token": token(300)})
        shown.do("open", url=f"{origin}/index.html")
        until(lambda: shown.do("evaluate", script="window.refused ?? null") == "unauthorized", "the frame to say so")
        until(lambda: shown.do("evaluate", script="window.detail?.status") == "live", "the element")
        soon = f"document.querySelector('grandstand-match').setAttribute('token', {token(LIFE_S)!r})"
        shown.do("evaluate", script=soon)
        until(lambda: shown.do("evaluate", script="window.detail?.refused") == "unauthorized", "its token to end")
        points = "document.querySelector('grandstand-match').shadowRoot.querySelector('.points').innerText"
        before = shown.do("evaluate", script=points)
        assert re.fullmatch(r"\d+ : \d+", before), "what is known stays"
        until(lambda: served.metric("grandstand_connections", state="ws") == 0, "its connection to end")
        shown.do("evaluate", script=f"give({token(300)!r}, {served.url!r})")
        until(lambda: shown.do("evaluate", script="detail.status + detail.refused") == "livenull", "it to go on")
        until(lambda: served.metric("grandstand_connections", state="ws") == 2, "frame and element to be connected")
        assert shown.do("evaluate", script=points) == before

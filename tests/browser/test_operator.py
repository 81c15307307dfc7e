"""The operator's page in a real browser: live figures, one channel, one connection, who may see it, and by whom it can be used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.browser.page import Page, page, texts
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Peer

SECRET = "a secret for this test, of 32 bytes or more"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("operator")
    keys = directory / "keys"
    keys.write_text(SECRET)
    with gateway(directory, access__keys_file=keys) as process:
        yield process


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    with page() as one:
        yield one


def cells(shown: Page, channel: str) -> list[str]:
    """The channel's row."""
    rows = (row.split("\t") for row in texts(shown, "table tbody tr"))
    return next((row for row in rows if row[0] == channel), [])


def violations(shown: Page) -> Any:
    return shown.do("axe")


def test_live_figures_then_one_channel_then_one_connection(served: GatewayProcess, shown: Page) -> None:
    studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:watched")
    studio.open()
    viewers = [Peer(served.port).upgrade("/v1/live?channel=match:watched") for _ in range(3)]
    for viewer in viewers:
        viewer.next("snapshot")
    studio.store.xadd(studio.key, {"t": "1", "e": "{no json"}, id=f"{studio.epoch}-*")

    shown.do("open", url=f"{served.admin_url}/operator")
    until(lambda: cells(shown, "match:watched")[2:3] == ["3"], "three viewers")
    viewers.pop().close()

    def counted() -> bool:
        studio.score()
        row = cells(shown, "match:watched")
        return row[2] == "2" and row[4] not in ("–", "0.0") and row[8] == "1"

    until(counted, "one viewer less, a rate and the dead letter")
    assert any("match:watched" in row and "json" in row for row in texts(shown, "table tbody tr"))
    assert violations(shown) == []

    shown.do("click", selector="tbody a[href*='match%3Awatched']")
    until(lambda: len(texts(shown, "a[href*='connection=']")) == 2, "its connections")
    assert violations(shown) == []
    shown.do("click", selector="a[href*='connection=']")
    until(lambda: "anonymous" in " ".join(texts(shown, "main dl")), "the connection")
    assert violations(shown) == []
    text = " ".join(texts(shown, "main"))
    assert "127.0.0.1" not in text
    for viewer in viewers:
        viewer.close()
    until(lambda: "There is no such" in " ".join(texts(shown, "main [role=status]")), "it to be gone")
    assert shown.do("problems") == []
    studio.close()


def test_its_header_leads_to_no_page_of_the_viewers(served: GatewayProcess, shown: Page) -> None:
    shown.do("open", url=f"{served.admin_url}/operator?channel=match%3Anobody")
    until(lambda: "There is no such" in " ".join(texts(shown, "main [role=status]")), "the channel that is not there")
    assert [text.strip() for text in texts(shown, "header a")] == ["Grandstand"]
    shown.do("click", selector="header a")
    until(lambda: len(texts(shown, "main tbody tr")) > 0, "the tables")
    assert shown.do("evaluate", script="location.pathname + location.search") == "/operator"
    assert shown.read()["marker"] == "same page"
    assert shown.do("problems") == []


def test_pausing_stops_what_updates_itself(served: GatewayProcess) -> None:
    def asked(shown: Page) -> int:
        return int(shown.do("requests", part="/admin/v1/overview"))

    with page() as shown:
        shown.do("clock")
        shown.do("open", url=f"{served.admin_url}/operator")
        until(lambda: asked(shown) > 2, "it to ask again and again")
        shown.do("click", selector="button[data-paused=false]")
        assert texts(shown, "button[data-paused=true]") == ["Resume"]
        before = asked(shown)
        shown.do("forward", ms=60_000)
        assert asked(shown) == before
        shown.do("click", selector="button[data-paused=true]")
        until(lambda: asked(shown) > before + 1, "it to go on")


def test_on_the_public_port_a_token_opens_it(served: GatewayProcess, shown: Page) -> None:
    def token(scope: str) -> str:
        claims = {"sub": "somebody", "scope": scope, "channels": ["*"], "exp": int(time.time()) + 600}
        return jwt.encode(claims, SECRET, algorithm="HS256")

    shown.do("open", url=f"{served.url}/operator")
    until(lambda: "needs a token" in " ".join(texts(shown, "main")), "the question for a token")
    assert violations(shown) == []
    shown.do("fill", selector="input[type=password]", value=token("watch"))
    shown.do("press", key="Enter")
    until(lambda: "does not allow" in " ".join(texts(shown, "main")), "the refusal")
    shown.do("fill", selector="input[type=password]", value=token("admin"))
    shown.do("press", key="Enter")
    until(lambda: len(texts(shown, "main dl dt")) >= 6, "the figures")
    assert shown.do("problems") == []


@pytest.mark.parametrize("media", [{"colorScheme": "dark"}, {"forcedColors": "active"}, {"reducedMotion": "reduce"}])
def test_in_other_colours_and_narrow(served: GatewayProcess, shown: Page, media: dict[str, str]) -> None:
    shown.do("emulate", **media)
    shown.do("viewport", width=320, height=700)
    shown.do("open", url=f"{served.admin_url}/operator")
    until(lambda: len(texts(shown, "main dl dt")) >= 6, "the figures")
    assert violations(shown) == []
    # WCAG 1.4.10: at 320 pixels nothing but tables is scrolled sideways.
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert shown.do("evaluate", script=wide) == 0

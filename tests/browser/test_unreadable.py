"""Messages that are none of the protocol's, by every way, among those of the real gateway: the page stays as it is and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.browser.middlebox import middlebox
from tests.browser.page import Page, page
from tests.browser.served import document
from tests.faults.beat import Beat
from tests.patience import until
from tests.system.gateway import GatewayProcess
from tests.system.publishing import Studio

CHANNEL = "match:odd"
ODD = [
    "{oops}",
    json.dumps({"type": "snapshot", "channel": CHANNEL, "version": "1-9.x", "state": ["no"], "feed": [], "status": "live"}),
    json.dumps({"type": "delta", "channel": CHANNEL, "from": "1-9.x", "version": "1-9.y", "patch": None}),
    json.dumps({"type": "later", "channel": CHANNEL, "version": "1-9.z"}),
]  # fmt: skip
OTHER_VERSION = {"type": "delta", "channel": CHANNEL, "from": "1-9.x", "version": "1-9.y", "patch": {"title": "No"}}


@pytest.fixture
def studio(served: GatewayProcess) -> Iterator[Studio]:
    one = Studio(served.wait_for_log("embedded_store", 1)["url"], CHANNEL)
    one.open(title="An odd one")
    yield one
    one.close()


def goes_on(served: GatewayProcess, studio: Studio, shown: Page, score: int) -> None:
    """The next goal is shown, and the page holds what the server has; it was never blank, nor loaded anew."""
    studio.patch({"teams": {"red": {"score": score}}}, op="score", team="red")
    until(lambda: shown.read()["scores"] == [str(score), "0"], "the score")
    until(lambda: shown.do("held", channel=CHANNEL) == document(served, CHANNEL), "what the server has")
    assert shown.read()["state"] == "live"
    assert shown.read()["marker"] == "same page"
    assert shown.do("problems") == []


def count(shown: Page, name: str) -> int:
    return int(shown.do("evaluate", script=f"grandstand.{name}"))


def test_over_a_websocket(served: GatewayProcess, studio: Studio) -> None:
    with page() as shown:
        shown.do("tap")
        shown.do("open", url=f"{served.url}/match/odd")
        until(lambda: shown.read()["state"] == "live", "the match")
        goes_on(served, studio, shown, 1)
        joined = served.metric("grandstand_snapshots_total", reason="join")
        for text in ODD:
            shown.do("say", text=text)
        until(lambda: count(shown, "malformed") == len(ODD), "all of them to be counted")
        assert shown.read()["scores"] == ["1", "0"], "what was there stays"
        until(lambda: served.metric("grandstand_snapshots_total", reason="join") > joined, "it to ask for a snapshot")
        goes_on(served, studio, shown, 2)
        shown.do("say", text=json.dumps(OTHER_VERSION))
        until(lambda: count(shown, "resyncs") == 1, "it to ask again")
        goes_on(served, studio, shown, 3)
        # Operators are told of both.
        shown.do("evaluate", script="grandstand.beat({ browser: 'chromium' })")
        for name, told in (("malformed", len(ODD)), ("resyncs", 1)):
            metric = f"grandstand_page_{name}_total"
            until(lambda metric=metric, told=told: served.metric(metric, browser="chromium") == told, name)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("blocked", "way", "part", "spoilt"),
    [
        (("websocket",), "sse", "/stream", f"data: {ODD[1]}\n\n"),
        (("websocket", "stream"), "polling", f"/v1/channels/{CHANNEL}", ODD[1]),
    ],
)
def test_over_lesser_ways(
    served: GatewayProcess, studio: Studio, blocked: tuple[str, ...], way: str, part: str, spoilt: str
) -> None:
    # A match in which nothing happens would be paused by its publisher's silence.
    with middlebox(served.port, *blocked) as between, page() as shown, Beat(studio, 1):
        if way == "sse":
            shown.do("spoil", part=part, body=spoilt, type="text/event-stream")
        shown.do("open", url=f"http://127.0.0.1:{between.port}/match/odd")
        until(lambda: shown.read()["state"] == "live", "the match")
        assert shown.read()["connection"]["transport"] == way
        if way == "polling":
            shown.do("spoil", part=part, body=spoilt, type="application/json")
        until(lambda: count(shown, "malformed") == 1, "it to be counted")
        goes_on(served, studio, shown, 1)

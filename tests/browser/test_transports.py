"""How messages get through what is in their way, in a real browser against the real gateway: the page holds what the server has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.diary import FRAMES_MAX, Diary
from tests.browser.middlebox import middlebox
from tests.browser.page import Page, page
from tests.browser.served import document
from tests.faults.beat import Beat
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio

CHANNEL = "match:way"


@pytest.fixture
def studio(served: GatewayProcess) -> Iterator[Studio]:
    one = Studio(served.wait_for_log("embedded_store", 1)["url"], CHANNEL)
    one.open(title="A match on its way")
    yield one
    one.close()


def holds_what_the_server_has(served: GatewayProcess, shown: Page, tab: str = "first") -> None:
    until(lambda: shown.do("held", tab=tab, channel=CHANNEL) == document(served, CHANNEL), "what the server has")


def way(shown: Page, tab: str = "first") -> str | None:
    connection = shown.do("read", tab=tab)["connection"]
    return connection["transport"] if connection and connection["word"] == "live" else None


@pytest.mark.parametrize(("blocked", "expected"), [(("websocket",), "sse"), (("websocket", "stream"), "polling")])
def test_the_next_best_way_is_taken(
    served: GatewayProcess, studio: Studio, blocked: tuple[str, ...], expected: str
) -> None:
    # However long it takes, the match's publisher lives; seldom enough for a page that polls to hold what the server has.
    with Beat(studio, 0.2), middlebox(served.port, *blocked) as between, page("diary") as shown:
        shown.do("open", url=f"http://127.0.0.1:{between.port}/match/way")
        diary = Diary(shown, whole=True)
        until(lambda: way(shown) == expected and shown.read()["state"] == "live", expected)
        first = {entry["what"]: entry["frame"] for entry in reversed(diary.entries())}
        there = max(first[f"client live {expected}"], first["shows score 0"])
        assert first["shows live"] - there <= FRAMES_MAX, first
        studio.patch({"teams": {"red": {"score": 7}}}, op="score", team="red")
        until(lambda: shown.read()["scores"] == ["7", "0"], "the score")
        holds_what_the_server_has(served, shown)
        # The way is free again: a better one is taken without a reload, and nothing is missed.
        between.blocked.clear()
        until(lambda: way(shown) == "websocket", "a WebSocket")
        studio.patch({"teams": {"red": {"score": 8}}}, op="score", team="red")
        until(lambda: shown.read()["scores"] == ["8", "0"], "the score")
        holds_what_the_server_has(served, shown)
        assert shown.read()["marker"] == "same page"
        assert shown.do("problems") == []


def test_polling_is_told_that_the_match_is_paused(tmp_path: Path) -> None:
    with (
        gateway(tmp_path, listen__workers=1, pace__paused_after_s=2) as served,
        middlebox(served.port, "websocket", "stream") as between,
        page("diary") as shown,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], CHANNEL)
        studio.open()
        with Beat(studio, 4):
            shown.do("open", url=f"http://127.0.0.1:{between.port}/match/way")
            until(lambda: way(shown) == "polling" and shown.read()["state"] == "live", "the match")
        # Its publisher is silent now: no version tells of that.
        last, _ = studio.acknowledged[-1]
        until(lambda: document(served, CHANNEL)["version"].startswith(f"{last}."), "the last of it")
        held = document(served, CHANNEL)["version"]
        until(lambda: shown.read()["state"] == "paused", "paused")
        assert "last known state" in shown.read()["banner"]
        assert document(served, CHANNEL)["version"] == held
        with Beat(studio, 4):
            until(lambda: shown.read()["state"] == "live", "live again")
            assert shown.read()["banner"] is None
        holds_what_the_server_has(served, shown)
        assert shown.read()["connection"]["transport"] == "polling"
        assert shown.read()["marker"] == "same page"
        studio.close()


def test_asleep_while_the_connection_is_cut(served: GatewayProcess, studio: Studio) -> None:
    with middlebox(served.port) as between, page() as shown:
        shown.do("open", url=f"http://127.0.0.1:{between.port}/match/way")
        until(lambda: way(shown) == "websocket", "the match")
        with shown.asleep():
            between.cut()
            for score in range(1, 30):
                studio.patch({"teams": {"red": {"score": score}}}, op="score", team="red")
        until(lambda: shown.read()["scores"] == ["29", "0"], "what was missed")
        holds_what_the_server_has(served, shown)
        assert shown.read()["marker"] == "same page"


FOLLOW_VERSIONS = f"""(() => {{
  const viewer = grandstand.viewers.get("{CHANNEL}");
  const chain = (window.chain = [{{ held: viewer.version, version: viewer.version, action: "held" }}]);
  const receive = viewer.receive.bind(viewer);
  viewer.receive = (message) => {{
    const held = viewer.version;
    const action = receive(message);
    chain.push({{ type: message.type, held, from: message.from, version: viewer.version, action }});
    return action;
  }};
}})()"""


def missed_nothing(shown: Page, name: str) -> None:
    """The tab's versions make one chain of deltas: nothing had to be asked for again, and no snapshot stood in for any."""
    chain = shown.do("evaluate", tab=name, script="window.chain")
    assert [link for link in chain if link["action"] == "resync"] == [], name
    deltas = [link for link in chain if link.get("type") == "delta" and link["action"] == "applied"]
    assert deltas, f"{name} has followed nothing"
    assert all(link["from"] == link["held"] for link in deltas)
    assert [link for link in chain if link.get("type") == "snapshot" and link["held"] != link["version"]] == [], name
    assert [link["held"] for link in chain[1:]] == [link["version"] for link in chain[:-1]]


def test_a_frozen_leader_is_replaced_and_follows_when_it_goes_on(served: GatewayProcess, studio: Studio) -> None:
    names = [f"tab {number}" for number in range(5)]
    with page() as shown, Beat(studio, 10) as publishing:
        for name in names:
            shown.do("open", tab=name, url=f"{served.url}/match/way")
        for name in names:
            until(lambda name=name: shown.do("read", tab=name)["version"] is not None, name)  # type: ignore[misc]
            until(lambda name=name: way(shown, name) == "websocket", name)  # type: ignore[misc]
        for name in names:
            shown.do("evaluate", tab=name, script=FOLLOW_VERSIONS)
        joined = served.metric("grandstand_snapshots_total", reason="join")
        leader = next(name for name in names if role(shown, name) == "leader")
        others = [name for name in names if name != leader]
        with shown.frozen(leader):
            # It keeps its lock and its connection, and says nothing.
            until(lambda: any(role(shown, name) == "leader" for name in others), "another one to take over")
            until(lambda: sorted(role(shown, name) for name in others) == ["follower"] * 3 + ["leader"], "one of them")
            studio.patch({"teams": {"red": {"score": 7}}}, op="score", team="red")
            for name in others:
                until(lambda name=name: shown.do("read", tab=name)["scores"][0] == "7", name)  # type: ignore[misc]
                missed_nothing(shown, name)
        until(lambda: role(shown, leader) == "follower", "the old one to hear of it")
        until(lambda: [worker["connections"]["ws"] for worker in served.workers()] == [1], "one connection")
        publishing.stop()
        studio.patch({"teams": {"red": {"score": 8}}}, op="score", team="red")
        for name in names:
            until(lambda name=name: shown.do("read", tab=name)["scores"][0] == "8", name)  # type: ignore[misc]
            holds_what_the_server_has(served, shown, name)
        for name in others:
            missed_nothing(shown, name)
        assert sorted(role(shown, name) for name in names) == ["follower"] * 4 + ["leader"]
        assert served.metric("grandstand_snapshots_total", reason="join") == joined
        assert shown.do("problems") == []


def role(shown: Page, name: str) -> str:
    found: str = shown.do("read", tab=name)["connection"]["role"]
    return found


def test_five_tabs_hold_one_connection_and_hand_it_over(served: GatewayProcess, studio: Studio) -> None:
    names = [f"tab {number}" for number in range(5)]
    with page() as shown:
        for name in names:
            shown.do("open", tab=name, url=f"{served.url}/match/way")
        for name in names:
            until(lambda name=name: shown.do("read", tab=name)["version"] is not None, name)  # type: ignore[misc]
            until(lambda name=name: way(shown, name) == "websocket", name)  # type: ignore[misc]
        assert [worker["connections"]["ws"] for worker in served.workers()] == [1]
        roles = {name: role(shown, name) for name in names}
        assert sorted(roles.values()) == ["follower"] * 4 + ["leader"]
        for name in names:
            shown.do("evaluate", tab=name, script=FOLLOW_VERSIONS)
        joined = served.metric("grandstand_snapshots_total", reason="join")
        for score in range(1, 4):
            leader = next(name for name in names if role(shown, name) == "leader")
            studio.patch({"teams": {"blue": {"score": score * 10}}}, op="score", team="blue")
            names.remove(leader)
            shown.do("close", tab=leader)
            studio.patch({"teams": {"red": {"score": score}}}, op="score", team="red")
            for name in names:
                until(lambda name=name: way(shown, name) == "websocket", name)  # type: ignore[misc]
                holds_what_the_server_has(served, shown, name)
                until(
                    lambda name=name, score=score: (  # type: ignore[misc]
                        shown.do("read", tab=name)["scores"] == [str(score), str(score * 10)]
                    ),
                    "the score",
                )
                missed_nothing(shown, name)
            until(lambda: [worker["connections"]["ws"] for worker in served.workers()] == [1], "one connection")
        # Who takes over goes on from the version that it holds: no tab has cost a snapshot.
        assert served.metric("grandstand_snapshots_total", reason="join") == joined
        assert shown.do("problems") == []

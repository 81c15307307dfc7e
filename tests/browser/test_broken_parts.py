"""Documents whose parts are of other types than they should be, and a part of the page that breaks: all else goes on.

One gateway and one browser serve all of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from gateway.replay.finding import open_recording
from gateway.replay.fold import fold_file
from tests.browser.breaking import FAILED, breaking
from tests.browser.page import Page, page, texts
from tests.browser.served import document
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import STATE, Studio
from tests.system.test_recordings import FOLDERS, matches

MOMENTS = 3_000
PLAYERS: dict[str, Any] = STATE["players"]  # type: ignore[assignment]
FULL: dict[str, Any] = {
    **STATE,
    "map": {"x": [0, 100], "y": [0, 100]},
    "ball": {"pos": [5, 5]},
    "viewers": 3,
    "winner": "red",
    "started_ms": 1_700_000_000_000,
    "players": {
        name: {**row, "pos": [number, 7], "hp": 50, "hero": "Mage"}
        for number, (name, row) in enumerate(PLAYERS.items())
    },
    "objectives": {"tower": {"name": "Tower", "team": "red", "player": "p0", "t_ms": 1000}},
    "figures": {"draft": {"1": {"team": "red", "kind": "pick", "hero": "Mage"}}, "advantage": {"gold": 5}},
}
HAPPENINGS: list[dict[str, Any]] = [
    {"op": "kill", "actor": "p0", "target": "p7", "minute": 3, "pos": [1, 2]},
    {"op": "score", "team": "red", "actor": "p0", "kind": "goal"},
    {"op": "end", "winner": "red"},
]

SWEEP = """(async ({ channel, path, events }) => {
  const frame = () => new Promise(requestAnimationFrame);
  // What the page looks at only now and then, it looks at in each document.
  const { setTimeout: later, setInterval: often } = window;
  window.setTimeout = (call, ms, ...rest) => later(call, ms <= 1000 ? 0 : ms, ...rest);
  window.setInterval = (call, ms, ...rest) => often(call, ms === 5000 ? 10 : ms, ...rest);
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
  while (!grandstand.viewers.get(channel)?.version || document.querySelector("main [aria-busy=true]")) await frame();
  const { doc } = grandstand.viewers.get(channel);
  const others = [null, "__proto__", 1e300, [null, {}], { constructor: { name: {}, t_ms: "x" } }];
  const isObject = (value) => typeof value === "object" && value !== null;
  // Of rows that are alike the last one stands for all.
  const paths = function* (value, at = []) {
    if (at.length > 0) yield at;
    if (!isObject(value)) return;
    const names = Object.keys(value);
    const alike = names.length > 1 && names.every((name) => isObject(value[name])) && at.length > 0;
    for (const name of alike ? names.slice(-1) : names) yield* paths(value[name], [...at, name]);
  };
  const put = (value, [name, ...rest], other) => {
    if (name === undefined) return other;
    const copy = Array.isArray(value) ? [...value] : { ...value };
    copy[name] = put(value[name], rest, other);
    return copy;
  };
  let number = 0;
  const show = async (state, feed, what) => {
    number += 1;
    grandstand.receive({ type: "snapshot", channel, version: `1-${number}.x`, state, feed, status: "live" });
    await frame();
    await null;
    const alerts = [...document.querySelectorAll("main p[role=alert]:has(button)")];
    const failed = alerts.map((alert) => alert.closest("section")?.innerText ?? alert.innerText);
    if (!document.querySelector("main h1")) failed.push("the page is gone");
    if (failed.length > 0) throw new Error(`${what()}: ${failed.join()}`);
  };
  for (const at of paths(doc))
    for (const other of others) await show(put(doc, at, other), events, () => `${at.join("/")} is ${JSON.stringify(other)}`);
  const spoil = (event, name) => others.map((other) => ({ ...event, [name]: other }));
  const spoilt = events.flatMap((event) => Object.keys(event).flatMap((name) => spoil(event, name)));
  while (spoilt.length > 0) {
    const ten = spoilt.splice(0, 10);
    await show(doc, ten, () => JSON.stringify(ten));
  }
  await show(doc, events, () => "the last one");
  await show(doc, events, () => "as it was");
  Object.assign(window, { setTimeout: later, setInterval: often });
  return number;
})(%s)"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("parts"), listen__workers=1) as one:
        yield one


@pytest.fixture(scope="module")
def shown(served: GatewayProcess) -> Iterator[Page]:
    with page() as one:
        one.do("open", url=f"{served.url}/")
        yield one


@pytest.fixture
def studio(served: GatewayProcess) -> Iterator[Callable[[str], Studio]]:
    """Publishers by the name of their match."""
    url = served.wait_for_log("embedded_store", 1)["url"]
    opened: list[Studio] = []

    def of(name: str) -> Studio:
        opened.append(Studio(url, f"match:{name}"))
        return opened[-1]

    yield of
    for one in opened:
        one.close()


def begin(studio: Studio, state: dict[str, Any]) -> None:
    """A new epoch with this state and no other."""
    studio.epoch = int(studio.store.incr(f"epoch:{{{studio.channel}}}"))
    studio.publish({"op": "reset", "rules": "scoreboard", "state": state})


def told(game: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A recorded match in its middle, and one event of each kind."""
    recording = open_recording(str(matches() / game))
    kinds: dict[str, dict[str, Any]] = {}
    for _, events in islice(recording.events, MOMENTS):
        for event in events:
            kinds.setdefault(event["op"], {name: event[name] for name in event if name not in ("patch", "points", "t")})
    return fold_file(recording, MOMENTS), [*kinds.values()]


def sweep(shown: Page, channel: str, path: str, events: list[dict[str, Any]]) -> None:
    arguments = json.dumps({"channel": channel, "path": path, "events": events})
    number = shown.do("evaluate", script=SWEEP % arguments)
    assert number > 50
    assert shown.do("problems") == []
    assert shown.read()["marker"] == "same page"


@pytest.mark.parametrize("game", [*FOLDERS, "arena"])
def test_no_part_fails_for_values_of_other_types(
    served: GatewayProcess, shown: Page, studio: Callable[[str], Studio], game: str
) -> None:
    state, events = told(game) if game in FOLDERS else (FULL, HAPPENINGS)
    match = studio(game)
    begin(match, state)
    sweep(shown, match.channel, f"/match/{game}", events)
    # What was shown never was: the next message of the gateway does not fit, and brings back what is.
    match.patch({"teams": {next(iter(state["teams"])): {"score": 77}}})
    until(lambda: shown.do("held", channel=match.channel) == document(served, match.channel), "what the server has")
    until(lambda: "77" in shown.read()["scores"], "the score")


def test_no_match_in_the_list_fails_for_values_of_other_types(
    served: GatewayProcess, shown: Page, studio: Callable[[str], Studio]
) -> None:
    match = studio("listed")
    begin(match, {**FULL, "status": "scheduled"})
    shown.do("open", url=f"{served.url}/")
    until(lambda: "/match/listed" in shown.read()["cards"], "the match in the list")
    sweep(shown, "lobby:matches", "/", [])


def test_a_part_that_breaks_leaves_the_others_alone_and_comes_back_with_the_next_good_document(
    served: GatewayProcess, shown: Page, studio: Callable[[str], Studio]
) -> None:
    match = studio("broken")
    begin(match, FULL)
    shown.do("open", url=f"{served.url}/match/broken")
    until(lambda: shown.read()["state"] == "live" and shown.read()["version"], "the match")
    shown.do("evaluate", script=breaking(match.channel))
    until(lambda: shown.do("evaluate", script=FAILED) == 1, "the part to say so")
    (said,) = texts(shown, "section:has(> p[role=alert])")
    assert said.split("\n")[0] == "Timeline"
    assert "This part could not be shown." in said
    # The others go on, and it is tried again with each document; what says so stays where it is meanwhile, with the focus.
    shown.do("evaluate", script="document.querySelector('main p[role=alert] button').focus()")
    reads = shown.do("evaluate", script="reads")
    for score in (1, 2):
        match.patch({"teams": {"red": {"score": score}}})
        until(lambda score=score: shown.read()["scores"] == [str(score), "0"], "the score")
    until(lambda: shown.do("evaluate", script="reads") > reads, "another attempt")
    assert shown.do("evaluate", script="document.activeElement.innerText") == "Try again"
    shown.do("press", key="Enter")
    assert shown.do("evaluate", script=FAILED) == 1, "nothing new has come"
    begin(match, {**FULL, "objectives": {"tower": {"name": "Tower", "team": "red", "t_ms": 5000}}})
    until(lambda: shown.do("evaluate", script=FAILED) == 0, "it to be there again")
    assert "0:05 Red took Tower" in texts(shown, "[data-testid=mark]")
    assert shown.do("problems") == []
    assert shown.read()["marker"] == "same page"

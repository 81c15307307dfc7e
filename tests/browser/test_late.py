"""A match that is opened at its fortieth minute: its chart, timeline and events are whole, and its past is
within reach by hand, keyboard and link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.page import Page, page, texts
from tests.browser.played import MINUTES, played
from tests.patience import until
from tests.system.gateway import GatewayProcess
from tests.system.publishing import Studio

SLIDER = """(() => {
  const slider = document.querySelector('input[type=range]');
  return slider && { value: +slider.value, max: +slider.max, text: slider.getAttribute('aria-valuetext'),
    name: slider.getAttribute('aria-label') };
})()"""


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayProcess, Studio]]:
    """The match, once for all."""
    with played(tmp_path_factory.mktemp("late")) as found:
        yield found


@pytest.fixture
def shown(late: tuple[GatewayProcess, Studio]) -> Iterator[Page]:
    """Its page, opened now."""
    with page() as one:
        one.do("open", url=f"{late[0].url}/match/late")
        until(lambda: one.read()["version"] and slider(one), "the page with its slider")
        yield one
        assert one.do("problems") == []


def slider(shown: Page) -> dict[str, Any] | None:
    """What the slider says."""
    found: dict[str, Any] | None = shown.do("evaluate", script=SLIDER)
    return found


def seconds(text: str) -> int:
    """Of a clock's text."""
    minutes, _, rest = text.partition(":")
    return int(minutes) * 60 + int(rest)


SAID_BY_THE_SLIDER = """(() => {
  window.said = [];
  const slider = document.querySelector('input[type=range]');
  const note = () => said.push(slider.getAttribute('aria-valuetext'));
  new MutationObserver(note).observe(slider, { attributes: true });
})()"""


def clock_of(shown: Page) -> int:
    """What the page's clock shows, in seconds."""
    return seconds(shown.do("evaluate", script="document.querySelector('[data-testid=clock]').firstChild.textContent"))


def test_the_slider_leads_to_any_moment_and_back(late: tuple[GatewayProcess, Studio], shown: Page) -> None:
    end_s = MINUTES * 60
    first = slider(shown)
    assert first is not None
    assert (first["value"], first["max"], first["text"]) == (end_s, end_s, "Live")
    assert first["name"]
    shown.do("evaluate", script=SAID_BY_THE_SLIDER)
    shown.do("focus", selector="input[type=range]")
    shown.do("press", key="PageDown", times=10)
    shown.do("press", key="ArrowLeft", times=3)
    until(lambda: "29:30" in shown.do("evaluate", script="said"), "the minute to be said")
    # The clock is told every ten seconds, and goes on while it is looked at.
    until(lambda: shown.read()["state"] == "rewind" and 29 * 60 + 20 <= clock_of(shown) < 30 * 60, "minute 29:30")
    assert shown.read()["scores"] == ["2", "1"]
    assert shown.do("axe") == []
    shown.do("press", key="Home")
    until(lambda: shown.read()["scores"] == ["0", "0"] and clock_of(shown) < 10, "the kick-off")
    # By a press of the mouse in its middle, to within some pixels.
    shown.do("click", selector="input[type=range]")
    until(lambda: shown.read()["scores"] == ["1", "1"], "the middle")
    assert abs(clock_of(shown) - end_s // 2) < 60
    shown.do("press", key="End")
    until(lambda: shown.read()["state"] == "live" and shown.read()["scores"] == ["2", "1"], "the present")
    assert (slider(shown) or {})["text"] == "Live"
    assert shown.read()["marker"] == "same page"


def test_a_shared_link_leads_to_what_was_shown(late: tuple[GatewayProcess, Studio], shown: Page) -> None:
    shown.do("evaluate", script="navigator.clipboard.writeText = async (text) => { window.shared = text; }")
    shown.do("focus", selector="input[type=range]")
    shown.do("press", key="PageDown", times=22)
    until(lambda: shown.read()["state"] == "rewind" and clock_of(shown) // 60 == 18, "minute 18")
    assert shown.read()["scores"] == ["1", "1"]
    moment_s = clock_of(shown)
    shown.do("click", selector="[data-past=true] > button:last-of-type")
    until(lambda: shown.do("evaluate", script="window.shared ?? null"), "a link")
    shown.do("open", url=shown.do("evaluate", script="window.shared"))
    until(lambda: shown.read()["state"] == "rewind" and shown.read()["scores"] == ["1", "1"], "the same moment")
    # The clock goes on for up to six seconds from what was told, which the link names.
    assert -6 <= clock_of(shown) - moment_s <= 40
    shown.do("click", selector="[data-testid=back-to-live]")
    until(lambda: shown.read()["state"] == "live" and shown.read()["scores"] == ["2", "1"], "the present")
    assert shown.do("evaluate", script="location.search") == ""


MARKS = """[...document.querySelectorAll('ol[aria-label=Timeline] li')].map((mark) => mark.title)"""
CHART = "document.querySelector('[data-testid=chart]')?.getAttribute('aria-label') ?? null"
ALOUD = """[...document.querySelectorAll('[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]')]
  .filter((region) => region.querySelector('table, canvas')).map((region) => region.outerHTML)"""
READ = """(() => {
  const box = document.querySelector('[data-testid=feed]').parentElement;
  const top = box.getBoundingClientRect().top;
  const row = [...box.querySelectorAll('li')].find((one) => one.getBoundingClientRect().top >= top);
  return [row.textContent, Math.round(row.getBoundingClientRect().top - top)];
})()"""


def in_their_minutes(shown: Page) -> int:
    """How many of the passes that are shown lie amid a minute; each of these says so."""
    now = shown.read()
    passes = [(int(line.rpartition(" ")[2]), when) for line, when in zip(now["feed"], now["when"], strict=True)]
    amid = [(f"{number // 6 + 1}′", when) for number, when in passes if number % 6 == 3]
    assert all(minute == when for minute, when in amid), amid
    return len(amid)


TO_END = """(() => {
  const box = document.querySelector('[data-testid=feed]').parentElement;
  box.scrollTop = box.scrollHeight;
})()"""


def test_chart_and_timeline_have_what_was_before_the_page_came(
    late: tuple[GatewayProcess, Studio], shown: Page
) -> None:
    def marks() -> list[str]:
        return sorted(shown.do("evaluate", script=MARKS))

    until(lambda: shown.do("evaluate", script=CHART) == "Momentum, from 0:00 to 40:00", "the whole chart")
    goals = ["18′ Player 5 scored", "28′ Player 0 scored", "9′ Player 0 scored"]
    until(lambda: marks() == goals, "the goals")
    # Who does not see the chart opens a table of it; nobody is told of what changes in it.
    shown.do("focus", selector="summary")
    shown.do("press", key="Enter")
    until(lambda: len(texts(shown, "[data-testid=values] tbody tr")) == 12, "the chart's values")
    values = [line.split("\t") for line in texts(shown, "[data-testid=values] tbody tr")]
    assert [values[0][0], values[-1][0]] == ["0:00", "40:00"]
    assert values[0][1] == "Even"
    assert all(re.fullmatch(r"(Red|Blue) by [\d.]+", led) for _, led in values[1:])
    assert {led.split()[0] for _, led in values[1:]} == {"Red", "Blue"}, "the first half is Red's, the second Blue's"
    assert shown.do("evaluate", script=ALOUD) == []
    assert shown.do("axe") == []
    # Nothing is told twice, and nothing that was not yet where the past is shown.
    shown.do("focus", selector="input[type=range]")
    shown.do("press", key="PageDown", times=20)
    until(lambda: shown.read()["state"] == "rewind" and clock_of(shown) // 60 in (19, 20), "minute 20")
    until(lambda: marks() == ["18′ Player 5 scored", "9′ Player 0 scored"], "two goals")
    until(lambda: str(shown.do("evaluate", script=CHART)).startswith("Momentum, from 0:00 to 20:"), "half a chart")
    shown.do("press", key="End")
    until(lambda: marks() == goals, "the goals again")
    until(lambda: shown.do("evaluate", script=CHART) == "Momentum, from 0:00 to 40:00", "the chart again")


def test_earlier_events_come_without_moving_what_is_read(late: tuple[GatewayProcess, Studio], shown: Page) -> None:
    _, studio = late
    feed = "[data-testid=feed] li"
    until(lambda: shown.read()["feed"] and all(shown.read()["when"]), "the feed with its minutes")
    assert in_their_minutes(shown) > 0
    shown.do("evaluate", script="document.querySelector('[data-testid=feed]').parentElement.scrollTop = 400")
    read = shown.do("evaluate", script=READ)
    number = 241
    for number in range(241, 246):
        studio.publish({"op": "pass", "actor": "p4", "team": "blue", "kind": f"pass {number}"})
    until(lambda: shown.do("evaluate", script="document.body.textContent.includes('5 new')"), "what is new")
    assert shown.do("evaluate", script=READ) == read
    # To the end of the feed, which is no end any more, until the match's first event.
    seen: list[str] = []

    def down() -> bool:
        shown.do("evaluate", script=TO_END)
        for line in shown.read()["feed"]:
            if line not in seen:
                seen.append(line)
        return any(line.endswith(": pass 1") for line in seen)

    until(down, "the first event")
    assert in_their_minutes(shown) > 0
    assert shown.do("evaluate", script=f"document.querySelectorAll('{feed}').length < 60"), (
        "only rows in sight are there"
    )
    assert not shown.do("evaluate", script="document.body.textContent.includes('Earlier events')")
    # Every one once: heights tell how many there are.
    rows = shown.do("evaluate", script="parseInt(document.querySelector('[data-testid=feed]').style.height) / 38")
    assert rows == 240 + 3
    assert shown.do("axe") == []
    # Chosen ones alone, asked for by a button: they do not fill the box.
    shown.do("evaluate", script="document.querySelector('[data-testid=feed]').parentElement.scrollTop = 0")
    until(lambda: any("pass 245" in line for line in shown.read()["feed"]), "the newest")
    shown.do("click", selector="section:has([data-testid=feed]) button:text('Important only')")
    until(lambda: shown.read()["feed"] == [], "nothing important of late")
    shown.do("click", selector="section:has([data-testid=feed]) button:text('Earlier events')")
    until(lambda: len(shown.read()["feed"]) == 3, "three goals")
    assert [line[1:] for line in shown.read()["feed"]] == ["Player 0 scored", "Player 5 scored", "Player 0 scored"]
    assert shown.read()["when"] == ["28′", "18′", "9′"]


def test_the_past_goes_on_at_the_speed_that_was_chosen(late: tuple[GatewayProcess, Studio], shown: Page) -> None:
    shown.do("focus", selector="input[type=range]")
    shown.do("press", key="PageDown", times=30)
    until(lambda: shown.read()["state"] == "rewind" and clock_of(shown) // 60 in (9, 10), "minute 10")
    shown.do("select", selector="[data-past=true] select", value="30")
    moment_s = clock_of(shown)
    # At its own speed this would take two minutes, which nobody waits for.
    until(lambda: clock_of(shown) >= moment_s + 120, "two minutes to have passed")
    assert shown.read()["state"] == "rewind"
    # Chosen before it is gone back, too.
    shown.do("click", selector="[data-testid=back-to-live]")
    until(lambda: shown.read()["state"] == "live", "the present")
    shown.do("focus", selector="input[type=range]")
    shown.do("press", key="PageDown", times=30)
    until(lambda: shown.read()["state"] == "rewind" and clock_of(shown) // 60 in range(9, 20), "minute 10")
    moment_s = clock_of(shown)
    until(lambda: clock_of(shown) >= moment_s + 120, "two minutes to have passed")

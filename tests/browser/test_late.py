"""A match that is opened at its fortieth minute: its past is within reach by hand, keyboard and link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.page import Page, page
from tests.browser.played import MINUTES, played
from tests.system.gateway import GatewayProcess
from tests.system.publishing import Studio
from tests.wire.peer import until

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
        until(lambda: one.read()["version"] and slider(one), 20, "the page with its slider")
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


def clock_of(shown: Page) -> int:
    """What the page's clock shows, in seconds."""
    return seconds(shown.do("evaluate", script="document.querySelector('[data-testid=clock]').firstChild.textContent"))


@pytest.mark.timeout(120)
def test_the_slider_leads_to_any_moment_and_back(late: tuple[GatewayProcess, Studio], shown: Page) -> None:
    end_s = MINUTES * 60
    first = slider(shown)
    assert first is not None
    assert (first["value"], first["max"], first["text"]) == (end_s, end_s, "Live")
    assert first["name"]
    shown.do("focus", selector="input[type=range]")
    shown.do("press", key="PageDown", times=10)
    shown.do("press", key="ArrowLeft", times=3)
    assert (slider(shown) or {})["text"] == "29:30"
    # The clock is told every ten seconds, and goes on while it is looked at.
    until(lambda: shown.read()["state"] == "rewind" and 29 * 60 + 20 <= clock_of(shown) < 30 * 60, 20, "minute 29:30")
    assert shown.read()["scores"] == ["2", "1"]
    assert shown.do("axe") == []
    shown.do("press", key="Home")
    until(lambda: shown.read()["scores"] == ["0", "0"] and clock_of(shown) == 0, 20, "the kick-off")
    # By a press of the mouse in its middle, to within some pixels.
    shown.do("click", selector="input[type=range]")
    until(lambda: shown.read()["scores"] == ["1", "1"], 20, "the middle")
    assert abs(clock_of(shown) - end_s // 2) < 60
    shown.do("press", key="End")
    until(lambda: shown.read()["state"] == "live" and shown.read()["scores"] == ["2", "1"], 20, "the present")
    assert (slider(shown) or {})["text"] == "Live"
    assert shown.read()["marker"] == "same page"


@pytest.mark.timeout(120)
def test_a_shared_link_leads_to_what_was_shown(late: tuple[GatewayProcess, Studio], shown: Page) -> None:
    shown.do("evaluate", script="navigator.clipboard.writeText = async (text) => { window.shared = text; }")
    shown.do("focus", selector="input[type=range]")
    shown.do("press", key="PageDown", times=22)
    until(lambda: shown.read()["state"] == "rewind" and shown.read()["scores"] == ["1", "1"], 20, "minute 18")
    moment_s = clock_of(shown)
    shown.do("click", selector="[data-past=true] > button:last-of-type")
    until(lambda: shown.do("evaluate", script="window.shared ?? null"), 10, "a link")
    shown.do("open", url=shown.do("evaluate", script="window.shared"))
    until(lambda: shown.read()["state"] == "rewind" and shown.read()["scores"] == ["1", "1"], 20, "the same moment")
    assert 0 <= clock_of(shown) - moment_s <= 40
    shown.do("click", selector="[data-testid=back-to-live]")
    until(lambda: shown.read()["state"] == "live" and shown.read()["scores"] == ["2", "1"], 20, "the present")
    assert shown.do("evaluate", script="location.search") == ""

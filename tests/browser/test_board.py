"""Leaderboards in a real browser: ten thousand rows, counted by the gateway from what was played."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.long.scroll import MEMBERS, fill
from tests.browser.page import Page, page
from tests.patience import until
from tests.system.aggregators import Aggregator, aggregators
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio

STALE_S = 5
"""Of boards: longer than a busy machine lets an aggregator wait, as short as a test can wait for it."""


def points(studio: Studio, **changes: int) -> None:
    """Points for members, counted in all boards of `kills`."""
    studio.publish({"op": "points", "points": {"kills": changes}})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway(
        tmp_path_factory.mktemp("board"), listen__workers=1, aggregate__enabled=False, boards__stale_s=STALE_S
    ) as process:
        yield process


@pytest.fixture(scope="module")
def counting(served: GatewayProcess) -> Iterator[list[Aggregator]]:
    """Who counts the boards: apart from the gateway, so that a test may end it."""
    with aggregators(served.directory / "counting", store_url(served), boards__stale_s=STALE_S) as running:
        yield running


def store_url(served: GatewayProcess) -> str:
    return str(served.wait_for_log("embedded_store", 1)["url"])


@pytest.fixture(scope="module")
def studio(served: GatewayProcess, counting: list[Aggregator]) -> Iterator[Studio]:
    """A match whose players have ten thousand different scores: p1 has most."""
    match = Studio(store_url(served), "match:crowd")
    match.open(players={"p9000": {"name": "Zoë Ndiaye"}})
    fill(match)
    yield match
    match.close()


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    with page() as one:
        yield one


def rows(shown: Page) -> list[list[str]]:
    """Place, player and points of the rows that exist, by place in the grid."""
    script = """[...document.querySelectorAll("[data-testid=ranking] [role=row]")]
      .sort((a, b) => a.dataset.index - b.dataset.index)
      .map((row) => [...row.children].map((cell) => cell.innerText.trim()))"""
    found: list[list[str]] = shown.do("evaluate", script=script)
    return found


def opened(shown: Page, served: GatewayProcess) -> None:
    # The pointer of the test before is on no row; the first one finds no page yet.
    if shown.do("evaluate", script="document.querySelector('h1') !== null"):
        shown.do("hover", selector="h1")
    shown.do("open", url=f"{served.url}/board/kills.all")
    until(lambda: [row[1] for row in rows(shown)[:3]] == ["p1", "p2", "p3"], "the first rows")
    counted = "[role=grid]:has([data-testid=ranking])"
    until(lambda: attribute(shown, counted, "aria-rowcount") == str(MEMBERS + 1), "all rows to be counted")


def attribute(shown: Page, selector: str, name: str) -> str | None:
    found: str | None = shown.do(
        "evaluate", script=f"document.querySelector({selector!r})?.getAttribute({name!r}) ?? null"
    )
    return found


def there(shown: Page, selector: str) -> bool:
    return bool(shown.do("evaluate", script=f"document.querySelector({selector!r}) !== null"))


def test_ten_thousand_rows_of_which_few_exist(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    shown.do("open", url=f"{served.url}/boards")
    until(lambda: there(shown, "a[href='/board/kills.all']"), "the board to be listed")
    assert shown.do("axe") == []
    opened(shown, served)
    assert len(rows(shown)) < 60
    assert attribute(shown, "[data-testid=ranking] [role=row]", "aria-rowindex") == "2"
    shown.do("evaluate", script="document.querySelector('[data-testid=ranking]').scrollTo(0, 1e9)")
    until(lambda: rows(shown)[-1][1] == f"p{MEMBERS}", "the last row")
    assert rows(shown)[-1][0] == "10,000"
    assert shown.do("axe") == []
    assert shown.do("problems") == []


def test_the_first_page_shows_who_leads(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    # The page of the test before asks on until it is left.
    shown.do("open", url="about:blank")
    asked = shown.do("requests", part="/v1/leaderboards/")
    shown.do("open", url=served.url)
    leaders = """[...document.querySelectorAll("[data-testid=leaders] li")].map((row) => row.innerText.split("\\n").slice(0, 2))"""
    until(lambda: shown.do("evaluate", script=leaders) == [["1", "p1"], ["2", "p2"], ["3", "p3"]], "the leaders")
    assert shown.do("axe") == []
    # They follow the board over the page's connection.
    first = "document.querySelector('[data-testid=leaders] li b').innerText"
    before = shown.do("evaluate", script=first)
    points(studio, p1=1)
    until(lambda: shown.do("evaluate", script=first) != before, "the leader's point")
    assert shown.do("requests", part="/v1/leaderboards/") == asked
    until(lambda: there(shown, "a[href='/match/crowd?at=-120s']"), "the way back")
    shown.do("click", selector="[data-testid=leaders] h3 a")
    until(lambda: [row[1] for row in rows(shown)[:3]] == ["p1", "p2", "p3"], "the whole board")
    assert shown.do("problems") == []


def test_changes_are_live_and_do_not_move_what_is_under_the_pointer(
    served: GatewayProcess, studio: Studio, shown: Page
) -> None:
    opened(shown, served)

    def first() -> list[str]:
        return [row[1] for row in rows(shown)[:3]]

    changed = {"p3": 0, "p1": 0, "p2": 0}

    def points_for(member: str, count: int) -> None:
        changed[member] += count
        points(studio, **{member: count})

    try:
        shown.do("hover", selector="[data-testid=ranking] [data-index='1']")
        points_for("p3", 1_000)
        until(lambda: there(shown, "[data-testid=moved]"), "it to tell of position changes")
        assert first() == ["p1", "p2", "p3"]
        held = rows(shown)[2][2]
        assert int(held.replace(",", "")) > 20 * (MEMBERS - 2), "points go on where places are held"
        # On the way to the button, and over it, the places are still held.
        shown.do("hover", selector="[data-testid=moved]")
        points_for("p3", 1_000)
        until(lambda: rows(shown)[2][2] != held, "further points")
        assert first() == ["p1", "p2", "p3"]
        shown.do("click", selector="[data-testid=moved]")
        until(lambda: first() == ["p3", "p1", "p2"], "the new places")
        # With the pointer elsewhere rows move by themselves.
        shown.do("hover", selector="h1")
        points_for("p1", 5_000)
        until(lambda: first() == ["p1", "p3", "p2"], "the rows to move")
        # By keyboard: held by the focus, let go by the button, and the focus is in the rows again.
        shown.do("evaluate", script="document.querySelector('[data-testid=ranking] [tabindex=\"0\"]').focus()")
        points_for("p2", 9_000)
        until(lambda: there(shown, "[data-testid=moved]"), "it to tell of position changes")
        assert first() == ["p1", "p3", "p2"]
        shown.do("evaluate", script="document.querySelector('[data-testid=moved]').focus()")
        assert first() == ["p1", "p3", "p2"]
        shown.do("press", key="Enter")
        until(lambda: first() == ["p2", "p1", "p3"], "the new places")
        assert shown.do("evaluate", script="document.activeElement.dataset.index") == "0"
    finally:
        points(studio, **{member: -count for member, count in changed.items()})


def test_search_and_the_own_place_with_ten_above_and_below(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    opened(shown, served)
    shown.do("fill", selector="input[type=search]", value="p7777")
    until(lambda: there(shown, "[data-testid=hits] button[aria-pressed]"), "the player, who is in no row yet")
    shown.do("press", key="Enter")
    until(lambda: any(row[1] == "p7777" for row in rows(shown)), "the row in view")
    shown.do("click", selector="[data-testid=hits] button[aria-pressed]")
    script = "[...document.querySelectorAll('[data-testid=around] [role=row]')].map((row) => row.children[1].innerText.trim())"
    wanted = [f"p{n}" for n in range(7767, 7788)]
    until(lambda: shown.do("evaluate", script=script) == wanted, "ten above and ten below")
    assert attribute(shown, "[data-testid=around] [aria-current=true] a", "href") == "/player/p7777"
    for scheme in ("light", "dark"):
        shown.do("emulate", colorScheme=scheme)
        assert shown.do("axe") == []
    # By the beginning of a name's word, however it is written: a player who is in no row either.
    shown.do("fill", selector="input[type=search]", value="NDI")
    hit = "[...document.querySelectorAll('[data-testid=hits] li')].map((one) => one.innerText.split('\\n')[0])"
    until(lambda: shown.do("evaluate", script=hit) == ["Zoë Ndiaye"], "the player by name")
    shown.do("fill", selector="input[type=search]", value="zoe")
    until(lambda: shown.do("evaluate", script=hit) == ["Zoë Ndiaye"], "the player by another word")
    shown.do("fill", selector="input[type=search]", value="nobody at all")
    until(lambda: "Nobody by that name" in shown.do("evaluate", script="document.body.innerText"), "nobody")
    # It is remembered.
    opened(shown, served)
    until(lambda: shown.do("evaluate", script=script) == wanted, "the own place again")
    shown.do("evaluate", script="localStorage.clear()")


def test_by_keyboard_alone(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    opened(shown, served)
    focused = "document.activeElement?.dataset?.index ?? null"
    for _ in range(40):
        shown.do("press", key="Tab")
        if shown.do("evaluate", script=focused) == "0":
            break
    assert shown.do("evaluate", script=focused) == "0", "the ranking is one stop of the Tab key"
    for key, place in (
        ("ArrowDown", "1"),
        ("ArrowDown", "2"),
        ("ArrowUp", "1"),
        ("End", str(MEMBERS - 1)),
        ("Home", "0"),
    ):
        shown.do("press", key=key)
        until(lambda place=place: shown.do("evaluate", script=focused) == place, f"{key} to lead to {place}")
    shown.do("press", key="PageDown")
    until(lambda: int(shown.do("evaluate", script=focused) or 0) > 4, "a page further")
    # The focused row stays when it is scrolled out of sight.
    shown.do("evaluate", script="document.querySelector('[data-testid=ranking]').scrollTo(0, 200000)")
    until(lambda: any(row[0] == "4,550" for row in rows(shown)), "rows far away")
    assert shown.do("evaluate", script=focused) is not None
    shown.do("press", key="Home")
    until(lambda: shown.do("evaluate", script=focused) == "0", "the first row")
    shown.do("press", key="Enter")
    until(lambda: shown.do("evaluate", script="location.pathname") == "/player/p1", "the player's page")


def test_a_board_that_nobody_counts_says_so_until_somebody_does(
    served: GatewayProcess, studio: Studio, counting: list[Aggregator], shown: Page
) -> None:
    opened(shown, served)

    def well() -> bool:
        stale = attribute(shown, "[data-testid=stamp]", "data-stale")
        return (stale, there(shown, "[data-testid=stale]"), shown.read()["state"]) == ("false", False, "live")

    def silent() -> bool:
        stale = attribute(shown, "[data-testid=stamp]", "data-stale")
        return (stale, there(shown, "[data-testid=stale]"), shown.read()["state"]) == ("true", True, "paused")

    until(well, "the board to be well")
    counting[0].kill()
    until(silent, "it to say that nobody counts")
    assert [row[1] for row in rows(shown)[:3]] == ["p1", "p2", "p3"], "what is known stays in sight"
    assert shown.do("axe") == []
    # Who comes now is told the same.
    opened(shown, served)
    until(silent, "it to say so at once")
    counting[0] = Aggregator(served.directory / "counting-again", store_url(served), boards__stale_s=STALE_S)
    until(well, "the board to be well again")
    assert shown.do("problems") == []


def test_on_a_phone_the_own_place_is_in_the_middle_of_its_neighbours(
    served: GatewayProcess, studio: Studio, shown: Page
) -> None:
    own = "document.querySelector('[data-testid=around] [aria-current=true]')"
    own_rank = f"{own}?.children[0].innerText.trim() ?? null"
    # How far the middle of the row is from that of its box, in heights of a row; null: the box shows all that is in it.
    off = f"""((row) => {{
      const box = row.closest("[data-testid=around]"), [a, b] = [row, box].map((one) => one.getBoundingClientRect());
      return box.scrollHeight > box.clientHeight ? Math.abs((a.top + a.bottom - b.top - b.bottom) / 2) / a.height : null;
    }})({own})"""

    def in_the_middle() -> bool:
        rows_off = shown.do("evaluate", script=off)
        return rows_off is not None and rows_off < 1

    shown.do("viewport", width=390, height=844)
    try:
        opened(shown, served)
        shown.do("evaluate", script="localStorage.setItem('grandstand.me', 'p5000')")
        opened(shown, served)
        until(lambda: shown.do("evaluate", script=own_rank) == "5,000", "the own row")
        until(in_the_middle, "the own row in the middle as it comes")
        # Who has looked around is where they are: led back when they move.
        shown.do("evaluate", script="document.querySelector('[data-testid=around]').scrollTo(0, 0)")
        assert shown.do("evaluate", script=off) > 2
        points(studio, p5000=2_010)
        until(lambda: shown.do("evaluate", script=own_rank) == "4,900", "the new place")
        until(in_the_middle, "the own row in the middle again")
        assert shown.do("axe") == []
    finally:
        points(studio, p5000=-2_010)
        shown.do("evaluate", script="localStorage.clear()")
        shown.do("viewport", width=1280, height=860)


def test_what_is_not_there_and_narrow(served: GatewayProcess, studio: Studio, shown: Page) -> None:
    shown.do("open", url=f"{served.url}/board/kills.season.nothing")
    until(lambda: there(shown, "[data-testid=missing]"), "that there is no such board")
    assert shown.do("axe") == []
    shown.do("viewport", width=320, height=700)
    opened(shown, served)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert shown.do("evaluate", script=wide) == 0
    shown.do("emulate", forcedColors="active")
    assert shown.do("axe") == []

"""Every page in every state: nothing that axe or a narrow screen finds, and every word in the reader's language.

One gateway and one browser serve all of it. A state is made as it comes about: requests that are not answered, a connection that is
cut, a publisher that is late or silent, a match that is over.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from tests.browser.breaking import FAILED, breaking
from tests.browser.middlebox import Middlebox, middlebox
from tests.browser.page import Page, page, texts
from tests.faults.proxy import Proxy, proxy
from tests.faults.valkey import valkey
from tests.patience import until
from tests.ports import free_port
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio

SECRET = "0123456789abcdef0123456789abcdef"
PAUSED_AFTER_S = 4
LATE_MS = 7_000


@dataclass
class World:
    """A gateway with matches in it, what stands before it, and the page."""

    served: GatewayProcess
    closed: GatewayProcess
    """Lets nobody in without a token."""
    bereft: GatewayProcess
    """Its store is away."""
    studios: dict[str, Studio]
    shown: Page
    way: Middlebox
    """To the public port."""
    admin_way: Proxy

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.way.port}{path}"

    def open(self, path: str) -> None:
        self.shown.do("open", url=self.at(path))

    def go(self, path: str) -> None:
        """As a link does it: without a reload."""
        script = f"history.pushState(null, '', {path!r}); dispatchEvent(new PopStateEvent('popstate'))"
        self.shown.do("evaluate", script=script)

    def until(self, script: str, what: str = "") -> None:
        until(lambda: bool(self.shown.do("evaluate", script=script)), what or script)

    def state(self, word: str) -> None:
        until(lambda: self.shown.read()["state"] == word, word)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    settings = {
        "listen__workers": 1,
        "history__url": "",
        "history__flush_ms": 20,
        "history__stats_every_s": 1,
        "pace__paused_after_s": PAUSED_AFTER_S,
    }
    with gateway(tmp_path_factory.mktemp("states"), **settings) as process:
        yield process


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("closed")
    keys = directory / "keys"
    keys.write_text(SECRET)
    with gateway(directory, listen__workers=1, access__keys_file=keys, access__anonymous=False) as process:
        yield process


@pytest.fixture(scope="module")
def bereft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("bereft")
    with valkey(directory / "store") as store, gateway(directory, listen__workers=1, bus__url=store.url) as process:
        store.kill()
        yield process


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    with page() as one:
        yield one


@pytest.fixture(scope="module")
def world(served: GatewayProcess, closed: GatewayProcess, bereft: GatewayProcess, shown: Page) -> Iterator[World]:
    url = served.wait_for_log("embedded_store", 1)["url"]
    studios = {name: Studio(url, f"match:{name}") for name in ("one", "over", "late", "next", "past")}
    for name, studio in studios.items():
        studio.open(title=f"Cup {name}", game="arena", status="scheduled" if name == "next" else "live")
    studios["over"].publish({"op": "kill", "actor": "p0", "target": "p7"})
    studios["over"].publish({"op": "end", "winner": "red"})
    admin_port = int(served.admin_url.rpartition(":")[2])
    with middlebox(served.port) as way, proxy(admin_port) as admin_way:
        yield World(served, closed, bereft, studios, shown, way, admin_way)
    for studio in studios.values():
        studio.close()


@pytest.fixture
def clean(world: World) -> Iterator[World]:
    """The world as it is, and put right after the test."""
    yield world
    world.shown.do("hinder")
    world.shown.do("offline", value=False)
    # A browser keeps connections for later requests, and would go on asking the gateway that let nobody in.
    world.way.switch(world.served.port)
    world.way.blocked.clear()
    world.shown.do("evaluate", script="sessionStorage.clear()")
    world.admin_way.target = int(world.served.admin_url.rpartition(":")[2])
    assert world.shown.do("problems") == []


# ---- the states ------------------------------------------------------------------------------------------------------


def ago(past_ms: int) -> int:
    return time.time_ns() // 1_000_000 - past_ms


def stamped_score(studio: Studio, stamp_ms: int) -> None:
    """A score that comes now, whatever its stamp says."""
    fields = {"t": str(stamp_ms), "e": '{"op":"score","team":"red","points_scored":1}'}
    studio.store.xadd(studio.key, fields, id=f"{studio.epoch}-*")  # type: ignore[arg-type]


def matches(world: World) -> None:
    world.open("/")
    world.until("document.querySelectorAll('main ul a').length >= 5")


def matches_loading(world: World) -> None:
    world.shown.do("hinder", part="/v1/")
    world.open("/")
    world.until("document.querySelector('main [aria-busy=true]') !== null")


def matches_unknown(world: World) -> None:
    # By its own port: a browser may show what it was told at another one a moment ago.
    world.shown.do("open", url=f"{world.bereft.url}/")
    world.until("document.querySelector('main [role=alert] button') !== null")
    assert "No match is on" not in " ".join(texts(world.shown, "main"))


def page_loading(world: World) -> None:
    world.shown.do("hinder", part="/assets/MatchPage")
    world.shown.do("open", url=world.at("/match/one"), until="commit")
    world.until("document.querySelector('main [aria-hidden=true]') !== null")


def page_not_loaded(world: World) -> None:
    world.shown.do("hinder", part="/assets/MatchPage", how="fail")
    world.open("/match/one")
    world.until("document.querySelector('main [role=alert] button') !== null")


def nowhere(world: World) -> None:
    world.open("/no/such/address")
    world.until("document.querySelector('main h1') !== null")


def match_live(world: World) -> None:
    one = world.studios["one"]
    one.publish({"op": "kill", "actor": "p0", "target": "p7"})
    world.open("/match/one")
    # It would be paused while nothing is published.
    until(lambda: bool(one.score()) and world.shown.read()["state"] == "live", "live")
    world.until("document.querySelector('[data-testid=feed] li') !== null")


def match_loading(world: World) -> None:
    world.shown.do("hinder", part="/v1/")
    world.open("/match/one")
    world.until("document.querySelector('main article[aria-busy=true]') !== null")
    # The connection alone does not make it live.
    world.until("grandstand.connection.value.word === 'live'")
    world.shown.do("evaluate", script="new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert world.shown.read()["state"] == "connecting"


def match_missing(world: World) -> None:
    world.open("/match/nobody")
    world.until("document.querySelector('[data-testid=missing]') !== null")


def match_paused(world: World) -> None:
    world.open("/match/past")
    world.state("paused")


def match_ended(world: World) -> None:
    world.open("/match/over")
    world.state("ended")


def match_behind(world: World) -> None:
    late = world.studios["late"]
    late.score()
    world.open("/match/late")
    world.until("document.querySelector('[data-testid=version]')?.textContent")
    stamp_ms = ago(LATE_MS)

    def behind() -> bool:
        # One stamp for all: each comes later than the one before, however prompt the first one was.
        stamped_score(late, stamp_ms)
        return bool(world.shown.read()["state"] == "behind")

    until(behind, "behind")
    said = world.shown.do("evaluate", script="document.querySelector('[data-testid=state]').textContent")
    # The gateway takes a part of it for the offset of the publisher's clock.
    assert re.fullmatch(r"Behindby [1-9]\d*\.\d s", said), "by how much"


def stopped(state: Callable[[World], None]) -> Callable[[World], None]:
    """A page that its reader has stopped."""

    def stop(world: World) -> None:
        state(world)
        world.shown.do("click", selector="main [data-paused=false]")
        world.until("document.querySelector('main [data-testid=waiting]') !== null")

    return stop


def match_reconnecting(world: World) -> None:
    match_live(world)
    world.way.switch(free_port())
    world.state("reconnecting")


def match_offline(world: World) -> None:
    match_live(world)
    world.shown.do("offline", value=True)
    world.state("offline")


def match_past(world: World) -> None:
    past = world.studios["past"]
    stamped_score(past, ago(60_000))
    past.score()
    world.open(f"/match/past?at={past.epoch}-0")
    world.state("rewind")


def match_measured(world: World) -> None:
    match_live(world)
    world.go("/match/one?perf")
    world.until("document.querySelector('[data-testid=perf]') !== null")


def match_part_failed(world: World) -> None:
    match_live(world)
    world.shown.do("evaluate", script=breaking("match:one"))
    world.until(f"{FAILED} === 1")


def match_chart_as_table(world: World) -> None:
    match_live(world)
    world.until("document.querySelector('details:has(> summary)') !== null")
    world.shown.do("click", selector="main details > summary")
    world.until("document.querySelector('[data-testid=values] tbody tr') !== null")


def match_by(transport: str, *blocked: str) -> Callable[[World], None]:
    """A match that comes on another way, as a proxy lets nothing better through."""

    def state(world: World) -> None:
        world.way.blocked.update(blocked)
        world.studios["one"].score()
        world.open("/match/one")
        until(lambda: world.shown.read()["connection"]["transport"] == transport, transport)
        world.until("document.querySelector('[data-testid=version]')?.textContent")

    return state


def match_refused(world: World) -> None:
    world.way.switch(world.closed.port)
    world.open("/match/one")
    world.until("document.querySelector('[data-testid=access] input[type=password]') !== null")


def match_token_refused(world: World) -> None:
    match_refused(world)
    world.shown.do("fill", selector="[data-testid=access] input", value="nonsense")
    world.shown.do("click", selector="[data-testid=access] button")
    world.until("document.querySelector('[data-testid=access]')?.innerText.includes('not good')")


def boards(world: World) -> None:
    world.open("/boards")
    world.until("document.querySelector('a[href=\"/board/kills.all\"]') !== null")


def boards_loading(world: World) -> None:
    world.shown.do("hinder", part="/v1/")
    world.open("/boards")
    world.until("document.querySelector('main h1 ~ *, main h1') !== null")


def failing(path: str, part: str) -> Callable[[World], None]:
    """The page of a path whose data does not come; it has tried again before it says so."""

    def state(world: World) -> None:
        world.open("/")
        world.shown.do("evaluate", script="Math.random = () => 0")
        world.shown.do("hinder", part=part, how="fail")
        world.go(path)
        world.until("document.querySelector('main [role=alert] button') !== null", "an error with a button")

    return state


def board(world: World) -> None:
    world.open("/board/kills.all")
    world.until("document.querySelector('[data-testid=ranking] [role=row]') !== null")


def board_searched(world: World) -> None:
    board(world)
    world.shown.do("fill", selector="[role=search] input", value="p0")
    world.until("document.querySelector('[data-testid=hits] button') !== null")


def board_searched_in_vain(world: World) -> None:
    board(world)
    world.shown.do("fill", selector="[role=search] input", value="who is that")
    world.until("document.querySelector('[role=search] [role=status]').innerText !== ''")


def board_loading(world: World) -> None:
    world.shown.do("hinder", part="/v1/")
    world.open("/board/kills.all")
    world.until("document.querySelector('main h1') !== null")


def board_missing(world: World) -> None:
    world.open("/board/nothing.all")
    world.until("document.querySelector('[data-testid=missing]') !== null")


def board_failed(world: World) -> None:
    board(world)
    world.shown.do("evaluate", script="Math.random = () => 0")
    world.way.switch(free_port())
    world.go("/board/deaths.all")
    world.until("document.querySelector('main [role=alert] button') !== null", "an error with a button")


def board_stale(world: World) -> None:
    board(world)
    world.way.switch(free_port())
    world.until("document.querySelector('[data-testid=stamp][data-stale=true]') !== null")


def board_offline(world: World) -> None:
    board(world)
    world.shown.do("offline", value=True)
    world.state("offline")


def player(world: World) -> None:
    world.open("/player/p0")
    world.until("document.querySelector('[data-testid=opponents] a') !== null")


def player_loading(world: World) -> None:
    world.shown.do("hinder", part="/v1/")
    world.open("/player/p0")
    world.until("document.querySelector('main article[aria-busy=true]') !== null")


def player_missing(world: World) -> None:
    world.open("/player/nobody")
    world.until("document.querySelector('[data-testid=missing]') !== null")


def player_stale(world: World) -> None:
    player(world)
    world.shown.do("evaluate", script="Math.random = () => 0")
    world.way.switch(free_port())
    world.until("document.querySelector('[data-testid=stale]') !== null")
    assert re.fullmatch(r"as of \d+:\d\d:\d\d.*", texts(world.shown, "[data-testid=stamp]")[0]), "since when"


def operator_at(world: World, query: str = "") -> None:
    world.shown.do("open", url=f"http://127.0.0.1:{world.admin_way.port}/operator{query}")


def operator(world: World) -> None:
    world.shown.do("open", tab="viewer", url=f"{world.served.url}/match/one")
    operator_at(world)
    world.until("document.querySelector('main tbody a[href*=\"match%3Aone\"]') !== null")


def operator_loading(world: World) -> None:
    world.shown.do("hinder", part="/admin/v1/")
    operator_at(world)
    world.until("document.querySelector('main h1') !== null")


def operator_stale(world: World) -> None:
    operator(world)
    world.admin_way.switch(free_port())
    world.until("document.querySelector('main > [role=status]') !== null")


def operator_failed(world: World) -> None:
    world.shown.do("hinder", part="/admin/v1/", how="fail")
    operator_at(world)
    world.until("document.querySelector('main [role=alert] button') !== null")


def operator_channel(world: World) -> None:
    world.shown.do("open", tab="viewer", url=f"{world.served.url}/match/one")
    operator_at(world, "?channel=match%3Aone")
    world.until("document.querySelector('a[href*=\"connection=\"]') !== null")


def operator_connection(world: World) -> None:
    operator_channel(world)
    world.shown.do("click", selector="a[href*='connection=']")
    world.until("document.querySelector('main dl')?.innerText.includes('anonymous')")


def operator_gone(world: World) -> None:
    operator_at(world, "?channel=match%3Anobody")
    world.until("document.querySelector('main [role=status]') !== null")


def operator_door(world: World) -> None:
    world.open("/operator")
    world.until("document.querySelector('input[type=password]') !== null")


def operator_forbidden(world: World) -> None:
    """At the door with a token that is a viewer's."""
    world.way.switch(world.closed.port)
    operator_door(world)
    claims = {"sub": "somebody", "scope": "watch", "exp": int(time.time()) + 600}
    world.shown.do("fill", selector="main input[type=password]", value=jwt.encode(claims, SECRET, algorithm="HS256"))
    before = texts(world.shown, "main [role=status]")
    world.shown.do("click", selector="main form button")
    until(lambda: texts(world.shown, "main [role=status]") not in ([], before), "another refusal")


STATES: dict[str, Callable[[World], None]] = {
    "matches": matches,
    "matches: loading": matches_loading,
    "matches: stopped": stopped(matches),
    "matches: unknown": matches_unknown,
    "a page: loading": page_loading,
    "a page: not loaded": page_not_loaded,
    "no page": nowhere,
    "match: live": match_live,
    "match: loading": match_loading,
    "match: missing": match_missing,
    "match: paused": match_paused,
    "match: ended": match_ended,
    "match: behind": match_behind,
    "match: stopped": stopped(match_live),
    "match: reconnecting": match_reconnecting,
    "match: offline": match_offline,
    "match: rewinding": match_past,
    "match: measured": match_measured,
    "match: a part failed": match_part_failed,
    "match: its chart as a table": match_chart_as_table,
    "match: on an event stream": match_by("sse", "websocket"),
    "match: on polling": match_by("polling", "websocket", "stream"),
    "match: refused": match_refused,
    "match: its token refused": match_token_refused,
    "boards": boards,
    "boards: loading": boards_loading,
    "boards: failed": failing("/boards", "/v1/leaderboards"),
    "board": board,
    "board: searched": board_searched,
    "board: searched in vain": board_searched_in_vain,
    "board: loading": board_loading,
    "board: missing": board_missing,
    "board: failed": board_failed,
    "board: stale": board_stale,
    "board: offline": board_offline,
    "board: stopped": stopped(board),
    "player": player,
    "player: loading": player_loading,
    "player: missing": player_missing,
    "player: stale": player_stale,
    "player: stopped": stopped(player),
    "player: failed": failing("/player/p0", "/v1/players"),
    "operator": operator,
    "operator: loading": operator_loading,
    "operator: stale": operator_stale,
    "operator: failed": operator_failed,
    "operator: channel": operator_channel,
    "operator: connection": operator_connection,
    "operator: gone": operator_gone,
    "operator: door": operator_door,
    "operator: forbidden": operator_forbidden,
    "operator: stopped": stopped(operator),
}

# ---- what must hold in each ------------------------------------------------------------------------------------------

WORDS = """[...new Set((function* () {
  const lasting = (element) => element.closest("[lang]:not(html)") === null && !element.closest("script, style, kbd, svg");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (lasting(walker.currentNode.parentElement)) yield walker.currentNode.data.trim();
  for (const name of ["aria-label", "title", "placeholder", "alt"])
    for (const element of document.querySelectorAll(`[${name}]`)) if (lasting(element)) yield element.getAttribute(name);
  yield document.title;
})())]"""

NOT_WORDS = re.compile(
    r"^(\W|\d|[kM]?B\b|ms\b|s\b|min\b|AM\b|PM\b)*$"  # figures, signs and units
    r"|^\d+-\d+\.[0-9a-f]+$"  # versions
    r"|^[a-z]+(_[a-z]+)+$|notify-keyspace-events"  # what programs call it
    r"|^[+−-]?[\d.,:]+"  # figures with a unit
)
DATA = re.compile(
    r"\b(ws|WebSocket|SSE) · \w+"  # what a connection speaks
    r"|Cup \w+|\b(nobody|one|nothing)\b|\b(p\d+|Player \d+|Red|Blue)\b"
    r"|\b(match|board|lobby|user):[\w.:-]+|\bmatch\b"
)
SAME = re.compile(
    # Names, and words that are the same in both languages.
    r"Grandstand|Arena|chromium|WebSocket|SSE|HTTP|Gold|Boost|Live|System|live|Kills|K|D|Name|Status|Code|Browser|Token|Version"
    r"|p99|Keyframes|kB/s|JS heap|Offline"
    # What programs say.
    r"|ws|notify|peer|eof|anonymous|folding|history|owner|public|scheduled|paused|ended|offline|unavailable|internal|forbidden|unauthorized"
)


def words(shown: Page) -> set[str]:
    """All that can be read or heard, without figures and without what matches and players are called."""
    found: list[str] = shown.do("evaluate", script=WORDS)
    return {said for text in found if not NOT_WORDS.match(said := DATA.sub("", text).strip(" ,·–-"))}


CUT_OFF = """[...document.querySelectorAll("body *")].filter((element) => {
  const { overflowX, overflowY } = getComputedStyle(element), cuts = (overflow) => overflow === "hidden" || overflow === "clip";
  if (element.closest(".visually-hidden, svg, canvas, select, [class*=skeleton]") || !element.checkVisibility()) return false;
  const wide = cuts(overflowX) && element.scrollWidth > element.clientWidth + 1;
  const high = cuts(overflowY) && element.scrollHeight > element.clientHeight + 1;
  return (wide || high) && element.innerText?.trim();
}).map((element) => element.innerText.trim().slice(0, 60))"""


def cut_off(shown: Page) -> list[str]:
    """Text of which a part is neither seen nor scrolled to."""
    return list(shown.do("evaluate", script=CUT_OFF))


def sideways(shown: Page) -> int:
    """By how many pixels the page is wider than the window; tables scroll in themselves."""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(shown.do("evaluate", script=wide))


def theme(shown: Page) -> str:
    """The colours that the page has; its examples leave them to the browser."""
    return str(shown.do("evaluate", script="document.documentElement.dataset.theme"))


def faults(shown: Page) -> list[Any]:
    """What is wrong with the page as it is now."""
    found: list[Any] = []
    for scheme, rules in (("dark", ["color-contrast", "link-in-text-block"]), ("light", None)):
        shown.do("emulate", colorScheme=scheme)
        until(lambda scheme=scheme: theme(shown) == scheme, scheme)  # type: ignore[misc]
        found += [f"{scheme}: {line}" for line in shown.do("axe", rules=rules)]
    english = words(shown)
    language = "header select >> nth=1"
    shown.do("select", selector=language, value="de")
    shown.do("viewport", width=320, height=700)
    same = {text for text in english & words(shown) if not SAME.fullmatch(text)}
    if same:
        found.append(f"not in German: {sorted(same)}")
    if shown.do("evaluate", script="document.documentElement.lang") != "de":
        found.append("the page does not say that it is in German")
    if (pixels := sideways(shown)) > 0:
        found.append(f"in German {pixels} px too wide for 320 px")
    if texts := cut_off(shown):
        found.append(f"cut off at 320 px: {texts}")
    shown.do("select", selector=language, value="en")
    # 200 % on a usual screen.
    shown.do("viewport", width=640, height=430)
    if (pixels := sideways(shown)) > 0:
        found.append(f"{pixels} px too wide at 200 %")
    if texts := cut_off(shown):
        found.append(f"cut off at 200 %: {texts}")
    shown.do("viewport", width=1280, height=860)
    return found


@pytest.mark.parametrize("path", ["/", "/boards"])
def test_before_there_is_anything(served: GatewayProcess, shown: Page, path: str) -> None:
    shown.do("open", url=f"{served.url}{path}")
    until(lambda: shown.do("evaluate", script="document.querySelector('main h1 ~ p, main div ~ p') !== null"), path)
    found = faults(shown)
    assert not found, "\n".join(found)


def test_a_page_that_could_not_be_loaded_is_loaded_again(clean: World) -> None:
    page_not_loaded(clean)
    clean.shown.do("hinder")
    clean.shown.do("click", selector="main [role=alert] button")
    clean.until("document.querySelector('[data-testid=version]')?.textContent")
    assert clean.shown.read()["marker"] == "same page"


UNDER = """Object.fromEntries([...document.querySelectorAll("main section:has(> h2 + ul)")].map((section) => {
  const cards = [...section.querySelectorAll("li > a:first-child")];
  return [section.querySelector("h2").firstChild.data.trim(), cards.map((a) => a.pathname).sort()];
}))"""


def test_a_match_is_under_the_heading_of_its_status(clean: World) -> None:
    def under(on: str, **others: str) -> None:
        wanted = {"Live now": on} | others
        expected = {title: [f"/match/{name}" for name in names.split()] for title, names in wanted.items()}
        found: dict[str, list[str]] = {}

        def so() -> bool:
            found.clear()
            found.update(clean.shown.do("evaluate", script=UNDER))
            return found == expected

        until(so, lambda: f"{expected}: there is {found}")

    matches(clean)
    under("late one past", Upcoming="next", Ended="over")
    clean.studios["next"].patch({"status": "live"}, op="begin")
    under("late next one past", Ended="over")
    clean.studios["next"].patch({"status": "scheduled"}, op="postponed")
    under("late one past", Upcoming="next", Ended="over")


ASKED_AGAIN = """new Promise((seen) => {
  const waits = () => document.querySelector("main [aria-busy=true]") !== null;
  new MutationObserver(() => waits() && seen(true)).observe(document.body, { subtree: true, childList: true, attributes: true });
  setTimeout(() => seen(false), 10_000);
  document.querySelector("main [role=alert] button").click();
})"""


def test_a_list_that_was_not_to_be_had_is_asked_for_again(clean: World) -> None:
    with middlebox(clean.bereft.port) as way:
        clean.shown.do("open", url=f"http://127.0.0.1:{way.port}/")
        clean.until("document.querySelector('main [role=alert] button') !== null")
        assert clean.shown.do("evaluate", script=ASKED_AGAIN)
        way.switch(clean.served.port)
        clean.until("document.querySelectorAll('main ul a').length >= 5")
        assert clean.shown.read()["marker"] == "same page"


@pytest.mark.parametrize("name", STATES)
def test_state(clean: World, name: str) -> None:
    STATES[name](clean)
    found = faults(clean.shown)
    assert not found, "\n".join(found)

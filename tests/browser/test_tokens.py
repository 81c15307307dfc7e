"""A page of a studio with the client and tokens that soon expire: it asks for the next one by itself, and misses nothing."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import jwt
import pytest

from tests.browser.middlebox import middlebox
from tests.browser.page import DASHBOARD, Page, page
from tests.faults.beat import Beat
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio

CHANNEL = "match:token"
SECRET = "0123456789abcdef0123456789abcdef"
LIFE_S = 4
# What is held as well: until its first snapshot is there, the page asks for tokens besides the connection's.
IS_LIVE = f"live.status('{CHANNEL}') === 'live' && live.view('{CHANNEL}').version !== null"
HTML = """<!doctype html><title>A studio's page</title><script type="module">
import { Live } from "/client.js";
globalThis.live = new Live({
  url: "http://127.0.0.1:%d", share: false,
  token: async () => {
    const answer = await fetch("/token");
    if (!answer.ok) throw new Error("the login service is away");
    return answer.text();
  },
});
live.watch("match:token");
globalThis.words = [];
live.connection.follow(({ word }) => words.at(-1) !== word && words.push(word));
</script>"""


def token(life_s: float = LIFE_S) -> str:
    claims = {"sub": "somebody", "scope": "watch", "channels": ["match:*"], "exp": int(time.time() + life_s)}
    return jwt.encode(claims, SECRET, algorithm="HS256")


class Site:
    """The studio's site: its page, the client, and a login service that gives tokens.

    Attributes:
        gives: "new" tokens, an "old" one that has expired, or "none" as it is away.
        given: how often it was asked.
    """

    def __init__(self) -> None:
        self.gives = "new"
        self.given = 0
        self.target = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/client.js":
                    self._answer(200, "text/javascript", (DASHBOARD / "client/dist/index.js").read_bytes())
                elif self.path == "/token":
                    site.given += 1
                    text = token() if site.gives == "new" else token(-60)
                    self._answer(503 if site.gives == "none" else 200, "text/plain", text.encode())
                else:
                    self._answer(200, "text/html", (HTML % site.target).encode())

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    one = Site()
    yield one
    one.close()


@contextlib.contextmanager
def watched(directory: Path, site: Site, *blocked: str) -> Iterator[tuple[GatewayProcess, Studio, Page]]:
    """A gateway that lets nobody in without a token, and the studio's page, live."""
    keys = directory / "keys"
    keys.write_text(SECRET)
    access = {
        "access__keys_file": keys,
        "access__anonymous": False,
        "access__leeway_s": 0,
        "access__origins": [site.origin],
    }
    with (
        gateway(directory, listen__workers=1, **access) as served,
        middlebox(served.port, *blocked) as between,
        page() as shown,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], CHANNEL)
        studio.open()
        site.target = between.port
        # A match in which nothing happens would be paused by its publisher's silence.
        with Beat(studio, 4):
            shown.do("open", url=site.origin)
            until(lambda: look(shown, IS_LIVE), "the match")
        yield served, studio, shown
        studio.close()


def look(shown: Page, script: str) -> object:
    found: object = shown.do("evaluate", script=script)
    return found


def taken(shown: Page) -> object:
    """The way by which it is connected; there is none while a token is replaced."""
    found: list[object] = [None]

    def there() -> bool:
        found[0] = look(shown, "live.connection.value.transport")
        return found[0] is not None

    until(there, "a connection")
    return found[0]


def holds_what_the_server_has(served: GatewayProcess, shown: Page) -> None:
    def given() -> object:
        request = urllib.request.Request(
            f"{served.url}/v1/channels/{CHANNEL}", headers={"Authorization": f"Bearer {token(60)}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["state"]

    until(lambda: look(shown, f"live.view('{CHANNEL}').doc") == given(), "what the server has")


@pytest.mark.parametrize(
    ("blocked", "way"), [((), "websocket"), (("websocket",), "sse"), (("websocket", "stream"), "polling")]
)
def test_a_token_that_expires_is_replaced_without_a_gap(
    tmp_path: Path, site: Site, blocked: tuple[str, ...], way: str
) -> None:
    with watched(tmp_path, site, *blocked) as (served, studio, shown):
        assert taken(shown) == way
        joined = served.metric("grandstand_snapshots_total", reason="join")
        with Beat(studio, 10):
            asked = site.given
            until(lambda: site.given >= asked + 2, "two more tokens")
            until(lambda: look(shown, IS_LIVE), "the match to be live")
        holds_what_the_server_has(served, shown)
        assert taken(shown) == way
        # Each time it goes on from the version that it holds.
        assert served.metric("grandstand_snapshots_total", reason="join") == joined
        assert look(shown, "live.resyncs + live.malformed") == 0
        assert look(shown, "live.errors.size") == 0


@pytest.mark.parametrize("gives", ["none", "old"])
def test_without_another_token_it_says_so_and_goes_on_when_there_is_one(tmp_path: Path, site: Site, gives: str) -> None:
    with watched(tmp_path, site) as (served, studio, shown):
        site.gives = gives
        code = f"live.errors.get('{CHANNEL}')?.code"
        until(lambda: look(shown, code) == "unauthorized", "the refusal")
        assert look(shown, f"live.status('{CHANNEL}')") == "reconnecting"
        assert look(shown, f"live.view('{CHANNEL}').version") is not None, "what is known stays"
        studio.patch({"teams": {"red": {"score": 7}}}, op="score", team="red")
        site.gives = "new"
        until(lambda: look(shown, IS_LIVE), "it to be live again")
        holds_what_the_server_has(served, shown)
        assert look(shown, code) is None
        assert taken(shown) == "websocket", "no way was blocked"

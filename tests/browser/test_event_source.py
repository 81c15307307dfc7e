"""A browser's own EventSource, of a page of another site, straight to the gateway: it goes on by itself where it was cut."""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.faults.proxy import Proxy
from tests.system.gateway import gateway
from tests.system.publishing import Studio

CHANNEL = "match:source"
PAGE = """<!doctype html><title>A page of another site</title><script>
const source = new EventSource("http://127.0.0.1:%d/v1/channels/%s/stream");
source.onmessage = (event) =>
  fetch("/seen", { method: "POST", body: JSON.stringify({ id: event.lastEventId, message: JSON.parse(event.data) }) });
</script>"""


class Site:
    """Serves the page and takes what the browser saw."""

    def __init__(self, gateway_port: int) -> None:
        self.seen: queue.Queue[dict[str, Any]] = queue.Queue()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer((PAGE % (gateway_port, CHANNEL)).encode())

            def do_POST(self) -> None:
                site.seen.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def next(self, kind: str) -> dict[str, Any]:
        """The next event of that type that the browser saw."""
        while True:
            event = self.seen.get(timeout=40)
            if event["message"]["type"] == kind:
                return event

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def browser(url: str) -> Iterator[None]:
    """A browser on that page."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert program is not None, "make chromium installs one"
    with tempfile.TemporaryDirectory(prefix="grandstand-browser-", ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [program, *options, f"--user-data-dir={profile}", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def test_it_goes_on_from_its_last_event(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        served = stack.enter_context(gateway(tmp_path, listen__workers=1, access__origins=["*"]))
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], CHANNEL)
        stack.callback(studio.close)
        studio.open()
        between = Proxy(served.port)
        stack.callback(between.close)
        site = Site(between.port)
        stack.callback(site.close)
        stack.enter_context(browser(f"http://127.0.0.1:{site.port}/"))
        snapshot = site.next("snapshot")
        held = snapshot["id"]
        assert held == snapshot["message"]["version"]
        for cut in range(2):
            for _ in range(3):
                studio.publish({"op": "score", "team": "red"})
                delta = site.next("delta")
                assert (delta["message"]["from"], delta["id"]) == (held, delta["message"]["version"])
                held = delta["id"]
            between.cut()
            studio.publish({"op": "score", "team": "blue"})
            delta = site.next("delta")
            assert delta["message"]["from"] == held, (
                f"after cut {cut} it goes on from its last event, without a snapshot"
            )
            held = delta["id"]

"""`make board-scroll`: a board of ten thousand rows is scrolled while points change once a second; and when pages are there.

A measurement, not a test: a machine that does other things at the same time slows the page down as well.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.browser.page import Page, page
from tests.system.gateway import gateway
from tests.system.publishing import Studio
from tests.wire.peer import until

MEMBERS = 10_000
BATCH = 1_000
CHANGED = 200

SCROLL = """new Promise((resolve) => {{
  const scroller = document.querySelector("[data-testid=ranking]");
  const gaps = [], tasks = [], seconds = {seconds};
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration))).observe({{ type: "longtask" }});
  let before = 0, began = 0, way = 1;
  const frame = (time) => {{
    if (began === 0) began = time;
    else gaps.push(time - before);
    before = time;
    // 3,000 pixels a second, there and back.
    scroller.scrollTop += way * 50;
    if (scroller.scrollTop + scroller.clientHeight >= Math.min(scroller.scrollHeight, 60000)) way = -1;
    if (scroller.scrollTop <= 0) way = 1;
    if (time - began < seconds * 1000) return requestAnimationFrame(frame);
    gaps.sort((a, b) => a - b);
    resolve({{
      seconds: (time - began) / 1000, frames_per_s: (gaps.length * 1000) / (time - began),
      frame_p99_ms: gaps[Math.floor(gaps.length * 0.99)], longest_frame_ms: gaps.at(-1), long_tasks: tasks.length,
    }});
  }};
  requestAnimationFrame(frame);
}})"""

PAINT = """new Promise((resolve) => {
  const observer = new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime));
  observer.observe({ type: "largest-contentful-paint", buffered: true });
})"""


def publish(studio: Studio, stop: threading.Event) -> None:
    """Once a second, points for some of them."""
    number = 0
    while not stop.wait(1.0):
        number += 1
        changes = {f"p{1 + (number * 37 + n * 41) % MEMBERS}": 25 for n in range(CHANGED)}
        studio.publish({"op": "points", "points": {"kills": changes}})


def first_sight(shown: Page, url: str) -> dict[str, Any]:
    """Milliseconds to the largest paint of each page, the second time it is opened."""
    paints = {}
    for address in ("/", "/match/crowd", "/board/kills.all", "/player/p1"):
        for _ in range(2):
            shown.do("open", url=url + address)
            until(lambda: shown.do("evaluate", script="document.querySelector('main h1') !== null"), 30, address)
            paints[address] = round(shown.do("evaluate", script=PAINT))
    return paints


def main() -> None:
    """Measures for the seconds that are named, 20 by default, and prints JSON."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with (
        tempfile.TemporaryDirectory() as directory,
        gateway(Path(directory), listen__workers=1) as served,
        page() as shown,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:crowd")
        studio.open(players={})
        for first in range(1, MEMBERS + 1, BATCH):
            points = {f"p{n}": 20 * (MEMBERS - n + 1) for n in range(first, first + BATCH)}
            studio.publish({"op": "points", "points": {"kills": points}})
        counted = f"document.querySelector('[role=grid]')?.getAttribute('aria-rowcount') === '{MEMBERS + 1}'"
        paints: dict[str, Any] = {}
        stop = threading.Event()
        publisher = threading.Thread(target=publish, args=(studio, stop))
        publisher.start()
        try:
            shown.do("open", url=f"{served.url}/board/kills.all")
            until(lambda: shown.do("evaluate", script=counted), 60, "all rows")
            scrolled = shown.do("evaluate", script=SCROLL.format(seconds=seconds))
            paints = first_sight(shown, served.url)
        finally:
            stop.set()
            publisher.join()
            studio.close()
        print(json.dumps({"scrolling": scrolled, "largest_paint_ms": paints}, indent=1))


if __name__ == "__main__":
    main()

"""A board of ten thousand rows is scrolled, there and back, while points of two hundred members change once a second."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtest.scenarios.checks import at_least, at_most
from tests.browser.long.frames import FPS_MIN, Watch
from tests.browser.page import page
from tests.patience import until
from tests.system.gateway import gateway
from tests.system.publishing import Studio

MEMBERS = 10_000
BATCH = 1_000
CHANGED = 200
PIXELS_PER_S = 3_000

SCROLL = """new Promise((resolve) => {{
  const scroller = document.querySelector("[data-testid=ranking]");
  const rows = new Set();
  let before = 0, began = 0, way = 1;
  const frame = (time) => {{
    if (began === 0) began = time;
    else scroller.scrollTop += way * {pixels_per_s} * Math.min(100, time - before) / 1000;
    before = time;
    if (scroller.scrollTop + scroller.clientHeight >= Math.min(scroller.scrollHeight, 60000)) way = -1;
    if (scroller.scrollTop <= 0) way = 1;
    for (const row of scroller.querySelectorAll("[aria-rowindex]")) rows.add(row.ariaRowIndex);
    if (time - began < {seconds} * 1000) return requestAnimationFrame(frame);
    resolve(rows.size);
  }};
  requestAnimationFrame(frame);
}})"""
SEE_CHANGES = """(() => {
  window.changes = 0;
  new MutationObserver((list) => { window.changes += list.length; })
    .observe(document.querySelector("[data-testid=ranking]"), { subtree: true, characterData: true, childList: true });
})()"""


def fill(studio: Studio) -> None:
    """Ten thousand different scores: p1 has most."""
    for first in range(1, MEMBERS + 1, BATCH):
        points = {f"p{n}": 20 * (MEMBERS - n + 1) for n in range(first, first + BATCH)}
        studio.publish({"op": "points", "points": {"kills": points}})


@contextlib.contextmanager
def changing(studio: Studio) -> Iterator[None]:
    """Once a second, points for some of them."""
    stop = threading.Event()

    def publish() -> None:
        number = 0
        while not stop.wait(1.0):
            number += 1
            changes = {f"p{1 + (number * 37 + n * 41) % MEMBERS}": 25 for n in range(CHANGED)}
            studio.publish({"op": "points", "points": {"kills": changes}})

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        yield
    finally:
        stop.set()
        publisher.join()


def run(seconds: float = 30.0) -> dict[str, Any]:
    """Scrolls for so long."""
    counted = f"document.querySelector('[role=grid]')?.getAttribute('aria-rowcount') === '{MEMBERS + 1}'"
    with (
        tempfile.TemporaryDirectory() as directory,
        gateway(Path(directory), listen__workers=1) as served,
        page() as shown,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:crowd")
        studio.open(players={})
        fill(studio)
        with changing(studio):
            shown.do("open", url=f"{served.url}/board/kills.all")
            until(lambda: shown.do("evaluate", script=counted), "all rows")
            shown.do("evaluate", script=SEE_CHANGES)
            watch = Watch(shown)
            rows = shown.do("evaluate", script=SCROLL.format(seconds=seconds, pixels_per_s=PIXELS_PER_S))
            found = watch.read()
            changes = shown.do("evaluate", script="window.changes")
        studio.close()
    checks = [
        at_least("frames a second", found["frames_per_s"], FPS_MIN),
        at_most("tasks longer than 50 ms", found["long_tasks"], 0),
        at_least("rows that came by", rows, 100),
        at_least("changes that were seen", changes, 100),
    ]
    return {"scenario": "page_scroll", "members": MEMBERS, "page": found, "rows": rows, "checks": checks}

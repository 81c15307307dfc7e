"""What a visitor waits for: each page's largest paint and what jumps in it, in a browser that has nothing of it and in one that
has; and what the first page brings along.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from loadtest.scenarios.checks import at_most
from tests.browser.long.scroll import changing, fill
from tests.browser.page import DASHBOARD, Page, page
from tests.faults.beat import Beat
from tests.patience import until
from tests.system.gateway import gateway
from tests.system.publishing import Studio

PAINT_MAX_MS = 1_000.0
SHIFT_MAX = 0.05
PAGE = DASHBOARD.parent / "gateway" / "page"
FIRST_MAX_BYTES, CLIENT_MAX_BYTES, ELEMENT_MAX_BYTES = 133_120, 8_192, 12_288
ADDRESSES = ("/", "/match/crowd", "/board/kills.all", "/player/p1")
WATCHED_S = 3

SEEN = f"""new Promise((resolve) => {{
  let shift = 0, paint = 0;
  new PerformanceObserver((list) => {{ for (const e of list.getEntries()) if (!e.hadRecentInput) shift += e.value; }})
    .observe({{ type: "layout-shift", buffered: true }});
  new PerformanceObserver((list) => {{ paint = list.getEntries().at(-1).startTime; }})
    .observe({{ type: "largest-contentful-paint", buffered: true }});
  const loaded = () => performance.getEntriesByType("resource").map(({{ name }}) => new URL(name).pathname);
  const scripts = () => loaded().filter((path) => path.endsWith(".js"));
  setTimeout(() => resolve({{ shift, paint_ms: paint, scripts: scripts() }}), {WATCHED_S * 1000});
}})"""


def run(times: int = 3) -> dict[str, Any]:
    """Each page so many times, with a browser of its own each time, which then opens it once more."""
    seen: dict[str, list[dict[str, Any]]] = {address: [] for address in ADDRESSES}
    with tempfile.TemporaryDirectory() as directory, gateway(Path(directory), listen__workers=1) as served:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:crowd")
        studio.open()
        fill(studio)
        with changing(studio), Beat(studio, 10):
            for address in ADDRESSES * times:
                with page() as shown:
                    first, again = _seen(shown, served.url + address), _seen(shown, served.url + address)
                    seen[address].append({"first": first, "again": again})
        studio.close()
    scripts = [PAGE / path.lstrip("/") for path in seen["/"][0]["first"]["scripts"]]
    checks = []
    for address, rounds in seen.items():
        both = [one for each in rounds for one in each.values()]
        paints = [one["paint_ms"] for one in both]
        name = f"largest paint of {address}, the slowest of {len(both)} (ms)"
        # Without a paint nothing was seen, which is not fast.
        checks.append(at_most(name, round(max(paints)) if min(paints) > 0 else 1e9, PAINT_MAX_MS))
        checks.append(at_most(f"layout shift of {address}", round(max(one["shift"] for one in both), 4), SHIFT_MAX))
    checks += [
        at_most("JavaScript that / loads, gzipped (bytes)", _bytes(*scripts), FIRST_MAX_BYTES),
        at_most("the client, gzipped (bytes)", _bytes(DASHBOARD / "client/dist/index.js"), CLIENT_MAX_BYTES),
        at_most("the embeddable element, gzipped (bytes)", _bytes(PAGE / "grandstand-match.js"), ELEMENT_MAX_BYTES),
    ]
    return {"scenario": "page_sight", "pages": seen, "checks": checks}


def _seen(shown: Page, address: str) -> dict[str, Any]:
    shown.do("open", url=address)
    until(lambda: shown.do("evaluate", script="document.querySelector('main h1') !== null"), address)
    found: dict[str, Any] = shown.do("evaluate", script=SEEN)
    return found


def _bytes(*files: Path) -> int:
    command = ["node", "scripts/budget.mjs", "--print", *map(str, files)]
    return int(subprocess.run(command, cwd=DASHBOARD, capture_output=True, text=True, check=True).stdout)

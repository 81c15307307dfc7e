"""`make page-load`: 100 events a second on a page whose processor is slowed four times; frames, long tasks, tick to pixel, heap.

A measurement, not a test: a machine that does other things at the same time slows the page down as well.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.browser.page import page
from tests.system.gateway import gateway
from tests.system.publishing import Studio
from tests.wire.peer import until

EVENTS_PER_S = 100
SLOWED = 4
WARM_S = 5.0
PLAYERS = 10

WATCH = """(() => {
  const seen = (window.seen = { frames: 0, tasks: [], latencies: [], began: performance.now() });
  const frame = () => { seen.frames += 1; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((task) => task.duration)))
    .observe({ type: "longtask" });
  const score = document.querySelector("[data-testid=score-0]").parentElement;
  new MutationObserver(() => {
    const sent = grandstand.view("match:load").doc.figures?.sent_ms;
    if (sent) requestAnimationFrame(() => setTimeout(() => seen.latencies.push(Date.now() - sent)));
  }).observe(score, { subtree: true, childList: true, characterData: true });
})()"""
READ = """(() => {
  const { frames, tasks, latencies, began } = window.seen;
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const seconds = (performance.now() - began) / 1000;
  return {
    seconds, frames_per_s: frames / seconds, long_tasks: tasks.length, longest_task_ms: Math.max(0, ...tasks),
    drawn: sorted.length, tick_to_pixel_p50_ms: at(0.5), tick_to_pixel_p95_ms: at(0.95),
    heap_mb: performance.memory.usedJSHeapSize / 1e6,
  };
})()"""


def publish(studio: Studio, stop: threading.Event) -> None:
    """Moves every player ten times a second, and ninety other things happen."""
    number, due = 0, time.monotonic()
    while not stop.is_set():
        number += 1
        if number % 10 == 0:
            places = {f"p{n}": [(number * (n + 3)) % 1600, (number * (n + 1)) % 1000] for n in range(PLAYERS)}
            studio.publish({"op": "position", "at": places})
        else:
            player = f"p{number % PLAYERS}"
            patch = {
                "teams": {"red": {"score": number}},
                "players": {player: {"kills": number}},
                "figures": {"sent_ms": time.time_ns() // 1_000_000},
            }
            studio.patch(patch, op="pickup", actor=player)
        due += 1 / EVENTS_PER_S
        stop.wait(max(0.0, due - time.monotonic()))


def main() -> None:
    """Measures for the seconds that are named, 60 by default, and prints JSON."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with (
        tempfile.TemporaryDirectory() as directory,
        gateway(Path(directory), listen__workers=1) as served,
        page() as shown,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:load")
        studio.open(map={"x": [0, 1600], "y": [0, 1000]})
        shown.do("open", url=f"{served.url}/match/load")
        until(lambda: shown.read()["state"] == "live", 30, "the match")
        stop = threading.Event()
        publisher = threading.Thread(target=publish, args=(studio, stop))
        publisher.start()
        try:
            shown.do("throttle", rate=SLOWED)
            time.sleep(WARM_S)
            heap_before_mb = shown.do("evaluate", script="performance.memory.usedJSHeapSize / 1e6")
            shown.do("evaluate", script=WATCH)
            time.sleep(seconds)
            print(json.dumps({**shown.do("evaluate", script=READ), "heap_before_mb": heap_before_mb}, indent=1))
        finally:
            stop.set()
            publisher.join()
            studio.close()


if __name__ == "__main__":
    main()

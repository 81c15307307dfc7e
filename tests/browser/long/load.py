"""A match with 100 events a second on a page whose processor is slowed four times: frames, long tasks, tick to pixel.

Before and after it the floor: a page that does nothing but draw the same canvas, slowed as much. From the moment before `XADD`
(a stamp in the event) to the frame after which the score that it brought is on the screen.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from loadtest.scenarios.checks import at_least, at_most
from tests.browser.long.busy import EVENTS_PER_S, busy_page
from tests.browser.long.frames import FPS_MIN, TASK_MAX_MS, Watch
from tests.browser.page import Page
from tests.patience import until

SLOWED = 4
WARM_S = 5.0
TICK_TO_PIXEL_MAX_MS = 500.0
RATE_MIN = 0.95 * EVENTS_PER_S
FLOOR = Path(__file__).with_name("floor.html").as_uri()

TIME_PIXELS = """(() => {
  const delays = (window.delays = []);
  const score = document.querySelector("[data-testid=score-0]").parentElement;
  new MutationObserver(() => {
    const sent = grandstand.view("match:load").doc.figures?.sent_ms;
    // A task that a frame's callback asks for comes after that frame was drawn.
    if (sent) requestAnimationFrame(() => setTimeout(() => delays.push(Date.now() - sent)));
  }).observe(score, { subtree: true, childList: true, characterData: true });
})()"""
READ_PIXELS = """(() => {
  const sorted = window.delays.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Infinity;
  return { drawn: sorted.length, p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: sorted.at(-1) ?? Infinity };
})()"""
CANVAS = """(() => { const { width, height } = document.querySelector("main canvas"); return { width, height }; })()"""
SIZED = "(document.querySelector('main canvas')?.width ?? 300) !== 300"


def run(seconds: float = 60.0, floor_s: float = 15.0) -> dict[str, Any]:
    """One crowd of events, one viewer; the floor half before and half after."""
    with busy_page("load") as (match, shown, address):
        shown.do("open", url=address)
        until(lambda: shown.do("evaluate", script=SIZED), "the map")
        canvas = shown.do("evaluate", script=CANVAS)
        shown.do("throttle", rate=SLOWED)
        floors = [_floor(shown, canvas, floor_s)]
        shown.do("open", url=address)
        until(lambda: shown.read()["state"] == "live", "the match")
        time.sleep(WARM_S)
        watch = Watch(shown)
        shown.do("evaluate", script=TIME_PIXELS)
        time.sleep(seconds)
        found = {**watch.read(), "tick_to_pixel": shown.do("evaluate", script=READ_PIXELS)}
        floors.append(_floor(shown, canvas, floor_s))
        per_s = round(match.per_s, 1)
    floor = {name: round(sum(each[name] for each in floors) / len(floors), 3) for name in floors[0]}
    ratio = round(found["frames_per_s"] / floor["frames_per_s"], 3)
    checks = [
        at_least("frames a second", found["frames_per_s"], FPS_MIN),
        at_most("tasks longer than 50 ms", found["long_tasks"], 0),
        at_most("the longest of them (ms)", found["longest_task_ms"], TASK_MAX_MS),
        at_most("tick to pixel, p95 (ms)", round(found["tick_to_pixel"]["p95_ms"]), TICK_TO_PIXEL_MAX_MS),
        at_least("frames, of the floor's", ratio, 0.95),
        at_least("events a second", per_s, RATE_MIN),
    ]
    return {
        "scenario": "page_load",
        "slowed": SLOWED,
        "canvas": canvas,
        "page": found,
        "floor": floor,
        "raw": {"floors": floors},
        "events_per_s": per_s,
        "checks": checks,
    }


def _floor(shown: Page, canvas: dict[str, int], seconds: float) -> dict[str, Any]:
    shown.do("open", url=f"{FLOOR}?width={canvas['width']}&height={canvas['height']}")
    time.sleep(1.0)
    watch = Watch(shown)
    time.sleep(seconds)
    return watch.read()

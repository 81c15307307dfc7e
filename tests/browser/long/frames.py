"""How evenly a page draws: every frame's time, every long task, and how busy its thread is. Read in the page itself."""

from __future__ import annotations

from typing import Any

from tests.browser.page import Page

FPS_MIN = 55.0
TASK_MAX_MS = 50.0
"""What a task may take before the browser calls it long."""

WATCH = """(() => {
  const watched = (window.watched = { times: [], tasks: [] });
  const frame = (time) => { watched.times.push(time); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => watched.tasks.push(...list.getEntries().map((task) => task.duration)))
    .observe({ type: "longtask" });
})()"""
READ = """(() => {
  const { times, tasks } = window.watched;
  const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  const seconds = (times.at(-1) - times[0]) / 1000;
  return {
    seconds, frames_per_s: gaps.length / seconds, frame_p99_ms: gaps[Math.floor(gaps.length * 0.99)],
    longest_frame_ms: gaps.at(-1), long_tasks: tasks.length, longest_task_ms: Math.max(0, ...tasks),
  };
})()"""


class Watch:
    """Watches one page's frames from now on."""

    def __init__(self, shown: Page) -> None:
        self._shown = shown
        self._before = shown.do("work")
        shown.do("evaluate", script=WATCH)

    def read(self) -> dict[str, Any]:
        """Frames and tasks since the beginning; `busy` is the share of the time in which the page's thread had a task."""
        found = self._shown.do("evaluate", script=READ)
        after = self._shown.do("work")
        spent_s = {name: after[name] - self._before[name] for name in after}
        busy = spent_s["TaskDuration"] / spent_s["Timestamp"]
        return {**{name: round(value, 2) for name, value in found.items()}, "busy": round(busy, 3)}

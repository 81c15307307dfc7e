"""Makes one part of a match's page fail: its timeline."""

from __future__ import annotations

BREAK = """((channel) => {
  // Reading this throws: no message can hold it, and only one part of the page asks for it.
  const { doc, version } = grandstand.viewers.get(channel);
  const row = { name: "Tower", team: "red" };
  const get = () => {
    window.reads = (window.reads ?? 0) + 1;
    throw new Error("broken");
  };
  Object.defineProperty(row, "t_ms", { enumerable: true, get });
  const state = { ...doc, objectives: { tower: row } };
  grandstand.receive({ type: "snapshot", channel, version, state, feed: [], status: "live" });
})(%r)"""
FAILED = "document.querySelectorAll('main p[role=alert]:has(button)').length"
"""A script: how many parts of the page say that they could not be shown."""


def breaking(channel: str) -> str:
    """A script that breaks the timeline of the page of a match which it has; `window.reads` counts the attempts to show it."""
    return BREAK % channel


__all__ = ["FAILED", "breaking"]

"""The tables of what `make browser` has measured, for loadtest.report: the rows above each table of checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Result = dict[str, Any]


def _load(result: Result) -> list[str]:
    page, floor, delay = result["page"], result["floor"], result["page"]["tick_to_pixel"]
    return [
        f"| processor slowed {result['slowed']} times | frames a second | p99 of a frame (ms) | tasks over 50 ms | thread busy |",
        "|---|---:|---:|---:|---:|",
        f"| the match page, {result['events_per_s']:.0f} events a second | {page['frames_per_s']:.1f} | {page['frame_p99_ms']:.1f} "
        f"| {page['long_tasks']} | {page['busy']:.0%} |",
        f"| a page that only draws such a canvas | {floor['frames_per_s']:.1f} | {floor['frame_p99_ms']:.1f} "
        f"| {floor['long_tasks']:.0f} | {floor['busy']:.0%} |",
        "",
        f"Tick to pixel of {delay['drawn']:,} pictures: {delay['p50_ms']:.0f} ms at the median, {delay['p95_ms']:.0f} ms at p95, "
        f"{delay['p99_ms']:.0f} ms at p99, {delay['max_ms']:.0f} ms at most.",
    ]


def _scroll(result: Result) -> list[str]:
    page = result["page"]
    return [
        f"| {result['members']:,} rows | frames a second | p99 of a frame (ms) | longest frame (ms) | thread busy |",
        "|---|---:|---:|---:|---:|",
        f"| scrolled for {page['seconds']:.0f} s | {page['frames_per_s']:.1f} | {page['frame_p99_ms']:.1f} "
        f"| {page['longest_frame_ms']:.1f} | {page['busy']:.0%} |",
    ]


def _sight(result: Result) -> list[str]:
    rows = ["| page | largest paint, first visit (ms) | again (ms) | layout shift |", "|---|---:|---:|---:|"]
    for address, rounds in result["pages"].items():
        first, again = (", ".join(f"{one[kind]['paint_ms']:.0f}" for one in rounds) for kind in ("first", "again"))
        shift = max(one[kind]["shift"] for one in rounds for kind in ("first", "again"))
        rows.append(f"| `{address}` | {first} | {again} | {shift:.4f} |")
    return rows


ROWS: dict[str, Callable[[Result], list[str]]] = {
    "page_load": _load,
    "page_scroll": _scroll,
    "page_sight": _sight,
}

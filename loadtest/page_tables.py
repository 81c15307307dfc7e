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


def _heap(result: Result) -> list[str]:
    samples = result["samples"]
    rows = [
        "| after | events | heap (MB) | of it objects (MB) | nodes | listeners |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for share in (0.1, 0.25, 0.5, 0.75, 1.0):
        sample = samples[round(share * (len(samples) - 1))]
        rows.append(
            f"| {sample['at_s']:.0f} s | {sample['events']:,} | {sample['bytes'] / 1e6:.2f} | {sample['objects'] / 1e6:.3f} "
            f"| {sample['nodes']:,} | {sample['listeners']:,} |"
        )
    return rows


def _scroll(result: Result) -> list[str]:
    page = result["page"]
    return [
        f"| {result['members']:,} rows | frames a second | p99 of a frame (ms) | longest frame (ms) | thread busy |",
        "|---|---:|---:|---:|---:|",
        f"| scrolled for {page['seconds']:.0f} s | {page['frames_per_s']:.1f} | {page['frame_p99_ms']:.1f} "
        f"| {page['longest_frame_ms']:.1f} | {page['busy']:.0%} |",
    ]


def _away(result: Result) -> list[str]:
    rows = ["| what was away | the page knew by | and showed | after (ms) | frames |", "|---|---|---|---:|---:|"]
    for row in result["rows"]:
        rows.append(f"| {row['case']} | {row['known']} | {row['shown']} | {row['ms']:.0f} | {row['frames']} |")
    return rows


def _sight(result: Result) -> list[str]:
    rows = ["| page | largest paint, first visit (ms) | again (ms) | layout shift |", "|---|---:|---:|---:|"]
    for address, rounds in result["pages"].items():
        first, again = (", ".join(f"{one[kind]['paint_ms']:.0f}" for one in rounds) for kind in ("first", "again"))
        shift = max(one[kind]["shift"] for one in rounds for kind in ("first", "again"))
        rows.append(f"| `{address}` | {first} | {again} | {shift:.4f} |")
    return rows


def _packed(result: Result) -> list[str]:
    names = {"json": "JSON", "msgpack": "MessagePack"}
    rows = ["| messages | encoding | bytes | compressed | to decode (µs) |", "|---|---|---:|---:|---:|"]
    for kind, found in result["kinds"].items():
        for way, name in names.items():
            time = f"{found['us'][way]:.1f}" + (
                f" ({found['us']['json_bytes']:.1f} from bytes)" if way == "json" else ""
            )
            rows.append(
                f"| {found['messages']:,} {kind} | {name} | {found['bytes'][way]:,.0f} | {found['sent'][way]:,.0f} | {time} |"
            )
    return rows


ROWS: dict[str, Callable[[Result], list[str]]] = {
    "page_load": _load,
    "page_heap": _heap,
    "page_scroll": _scroll,
    "page_away": _away,
    "page_sight": _sight,
    "page_packed": _packed,
}

"""The whole gateway at a glance, for operators: workers, channels, store, refusals, dead letters, and rates between two samples.

Draws on the workers' reports and the metrics; a sample is at most a second old and shared by all who ask.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.observe import metrics
from gateway.observe.metrics import Figures
from gateway.observe.quantile import quantile

FRESH_S = 0.9
"""A sample that is younger is given again."""
COMPARABLE_S = 30.0
"""Rates are told between samples that are no further apart."""
CHANNELS_MAX = 500
LETTERS_MAX = 100
CONNECTION = re.compile(r"(\d{1,3})-([0-9a-f]{1,16})")

COUNTERS = {
    "events": "grandstand_events_total",
    "frames_out": "grandstand_frames_out_total",
    "bytes_out": "grandstand_bytes_out_total",
    "conflated": "grandstand_conflated_total",
    "handshakes": "grandstand_handshakes_total",
    "refusals": "grandstand_refusals_total",
    "closed": "grandstand_closed_total",
    "dead_letters": "grandstand_entries_malformed_total",
    "snapshots": "grandstand_snapshots_total",
    "resumes": "grandstand_resumes_total",
}
"""Counters whose rates are told, by their names in the view."""

BY_LABEL = {
    "refusals": ("grandstand_refusals_total", "code"),
    "dead_letters": ("grandstand_entries_malformed_total", "reason"),
    "closed": ("grandstand_closed_total", "reason"),
    "uncounted": ("grandstand_dead_letters_total", "reason"),
}


class Gateway(Protocol):
    """What the overview needs of the supervisor."""

    @property
    def ready(self) -> bool: ...
    @property
    def workers_wanted(self) -> int: ...
    @property
    def started_s(self) -> float: ...
    async def reports(self, channel: str | None = None) -> list[dict[str, Any]]: ...
    async def report_of(self, index: int, connection: int) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    at_ms: int
    reports: list[dict[str, Any]]
    figures: Figures


class Overview:
    """Answers operators' questions."""

    def __init__(self, gateway: Gateway, metrics_dir: str) -> None:
        self._gateway = gateway
        self._metrics_dir = metrics_dir
        self._sampling = asyncio.Lock()
        self._newest: _Sample | None = None
        self._before: _Sample | None = None

    async def view(self, name: str, of: str) -> Any:
        """One view; None when there is no such thing."""
        match name:
            case "overview":
                return await self.overview()
            case "channel":
                return await self.channel(of)
            case "connection":
                return await self.connection(of)
        return None

    async def overview(self) -> dict[str, Any]:
        """Everything at a glance."""
        now, before = await self._samples()
        elapsed_s = now.at_s - before.at_s if before is not None else None
        figures = now.figures
        earlier = before.figures if before is not None else None
        workers = [_worker(report, before) for report in now.reports]
        owners = {c["channel"]: c for r in now.reports for c in r["channels"] if c["role"] == "owner"}
        previous = _entries(before) if before is not None else {}
        return {
            "as_of_ms": now.at_ms,
            "over_s": elapsed_s and round(elapsed_s, 3),
            "gateway": {
                "ready": self._gateway.ready,
                "workers": len(now.reports),
                "workers_wanted": self._gateway.workers_wanted,
                "restarts": metrics.WORKER_RESTARTS.value,
                "uptime_s": round(now.at_s - self._gateway.started_s, 1),
                "bugs": figures.sum("grandstand_bugs_total"),
            },
            "connections": {kind: sum(worker[kind] for worker in workers) for kind in ("ws", "sse", "http", "behind")},
            "rates": {
                word: _rate(figures.sum(name), earlier.sum(name) if earlier is not None else None, elapsed_s)
                for word, name in COUNTERS.items()
            },
            "lag_ms": _quantiles_ms(figures, earlier, "grandstand_publish_to_flush_seconds"),
            "workers": workers,
            "channels": _channels(now.reports, owners, previous, elapsed_s),
            "channels_total": len(owners),
            "store": _store(now),
            "aggregate": _aggregate(figures, earlier, elapsed_s),
            "totals": {word: figures.by_label(name, label) for word, (name, label) in BY_LABEL.items()},
            "letters": _letters(owners),
            "pages": _pages(figures),
        }

    async def channel(self, name: str) -> dict[str, Any] | None:
        """One channel on every worker that serves it."""
        reports = await self._gateway.reports(name)
        found = [report for report in reports if report["channel"] is not None]
        if not found:
            return None
        return {
            "channel": name,
            "as_of_ms": _now_ms(),
            "workers": [
                {
                    "worker": report["index"],
                    **report["channel"],
                    "connections": [
                        {**viewer, "connection": f"{report['index']}-{viewer['connection']}"}
                        for viewer in report["channel"]["connections"]
                    ],
                }
                for report in found
            ],
        }

    async def connection(self, text: str) -> dict[str, Any] | None:
        """One viewer's connection, named `worker-id` as in a channel's view."""
        named = CONNECTION.fullmatch(text)
        if named is None:
            return None
        index = int(named.group(1))
        found = await self._gateway.report_of(index, int(named.group(2), 16))
        return found and {"worker": index, "as_of_ms": _now_ms(), **found, "connection": text}

    async def _samples(self) -> tuple[_Sample, _Sample | None]:
        async with self._sampling:
            newest = self._newest
            if newest is None or time.monotonic() - newest.at_s >= FRESH_S:
                reports = await self._gateway.reports()
                figures = metrics.figures(self._metrics_dir)
                self._before = newest
                newest = self._newest = _Sample(time.monotonic(), _now_ms(), reports, figures)
            before = self._before
            if before is not None and newest.at_s - before.at_s > COMPARABLE_S:
                before = None
            return newest, before


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _rate(now: float, before: float | None, elapsed_s: float | None) -> float | None:
    """A second; None without an earlier sample. A counter that fell was begun anew."""
    if before is None or not elapsed_s:
        return None
    return round(max(0.0, now - before) / elapsed_s, 2)


def _quantiles_ms(now: Figures, before: Figures | None, name: str) -> dict[str, float | None]:
    buckets, earlier = now.buckets(name), before.buckets(name) if before is not None else {}
    return {word: _ms(quantile(buckets, earlier, q)) for word, q in (("p50", 0.5), ("p99", 0.99))}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _buckets(report: Mapping[str, Any]) -> dict[float, float]:
    return {float(bound): count for bound, count in report["loop_lag_buckets"].items()}


def _worker(report: dict[str, Any], before: _Sample | None) -> dict[str, Any]:
    earlier = next((r for r in before.reports if r["pid"] == report["pid"]), None) if before is not None else None
    buckets, since = _buckets(report), _buckets(earlier) if earlier is not None else {}
    connections = report["connections"]
    return {
        "index": report["index"],
        "pid": report["pid"],
        "ws": connections["ws"] - report["sibling_connections"],
        "sse": connections["sse"],
        "http": report["http_connections"],
        "siblings": report["sibling_connections"],
        "behind": connections["behind"],
        "memory_bytes": report["memory_bytes"],
        "loop_lag_ms": {word: _ms(quantile(buckets, since, q)) for word, q in (("p50", 0.5), ("p99", 0.99))},
        "channels": report["channels_total"],
        "store_connected": report["store_connected"],
    }


def _entries(sample: _Sample) -> dict[str, tuple[int, int]]:
    """Each owned channel's owner and how many entries it had folded."""
    return {
        channel["channel"]: (report["pid"], channel["entries"])
        for report in sample.reports
        for channel in report["channels"]
        if channel["role"] == "owner"
    }


def _channels(
    reports: list[dict[str, Any]],
    owners: Mapping[str, dict[str, Any]],
    previous: Mapping[str, tuple[int, int]],
    elapsed_s: float | None,
) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    pids = {channel["channel"]: r["pid"] for r in reports for channel in r["channels"] if channel["role"] == "owner"}
    for report in reports:
        for channel in report["channels"]:
            name = channel["channel"]
            row = rows.setdefault(name, {"channel": name, "viewers": 0, "behind": 0, "workers": 0})
            row["viewers"] += channel["viewers"] - channel["siblings"]
            row["behind"] += channel["behind"]
            row["workers"] += 1
            owner = owners.get(name)
            if channel is owner:
                pid, entries = previous.get(name, (None, None))
                row |= {
                    "owner": report["index"],
                    "status": owner["status"],
                    "entries_per_s": _rate(owner["entries"], entries if pid == pids[name] else None, elapsed_s),
                    "behind_ms": owner["behind_ms"],
                    "interval_ms": owner["interval_ms"],
                    "stretched": owner["stretched"],
                    "memory_bytes": owner["memory_bytes"],
                    "position": owner["position"],
                    "errors": len(owner["errors"]),
                }
    busiest = sorted(rows.values(), key=lambda row: (-row["viewers"], row["channel"]))
    return busiest[:CHANNELS_MAX]


def _store(sample: _Sample) -> dict[str, Any]:
    reports = sample.reports
    first = reports[0] if reports else {}
    return {
        "connected": bool(reports) and all(report["store_connected"] for report in reports),
        "reconnects": sample.figures.sum("grandstand_store_reconnects_total"),
        "wakeup": first.get("wakeup", ""),
        "wakeup_reason": first.get("wakeup_reason", ""),
        "keyframes": sample.figures.sum("grandstand_keyframes_total"),
        "histories_started_over": sample.figures.sum("grandstand_histories_started_over_total"),
        "gaps": sample.figures.sum("grandstand_gaps_total"),
    }


def _pages(now: Figures) -> list[dict[str, Any]]:
    """How viewers' pages do, by browser: what they have told since the gateway began."""
    rows = []
    for browser, beats in sorted(now.by_label("grandstand_beats_total", "browser").items()):
        frame_s = quantile(now.buckets("grandstand_page_frame_seconds", browser=browser), {}, 0.5)
        pixels = now.buckets("grandstand_page_tick_to_pixel_seconds", browser=browser)
        rows.append(
            {
                "browser": browser,
                "beats": beats,
                "fps_p50": frame_s and round(1 / frame_s, 1),
                "dropped_frames": now.sum("grandstand_page_dropped_frames_total", browser=browser),
                "tick_to_pixel_ms": {word: _ms(quantile(pixels, {}, q)) for word, q in (("p50", 0.5), ("p95", 0.95))},
            }
        )
    return rows


def _aggregate(now: Figures, before: Figures | None, elapsed_s: float | None) -> dict[str, Any]:
    """What derives from streams (keyframes, boards, history): how much it takes, and what waits."""
    name = "grandstand_aggregate_entries_total"
    backlog = now.by_label("grandstand_aggregate_backlog", "sink")
    return {
        "partitions": now.sum("grandstand_aggregate_partitions"),
        "sinks": [
            {
                "sink": sink,
                "entries_per_s": _rate(entries, before.sum(name, sink=sink) if before else None, elapsed_s),
                "backlog": backlog.get(sink, 0.0),
            }
            for sink, entries in sorted(now.by_label(name, "sink").items())
        ],
        "boards_broken": now.sum("grandstand_boards_broken"),
        "recounts": now.sum("grandstand_board_recounts_total"),
        "history_failures": now.sum("grandstand_history_failures_total"),
    }


def _letters(owners: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries that could not be folded, with where they are; the newest of each channel."""
    letters = [{"channel": name, **error} for name, owner in sorted(owners.items()) for error in owner["errors"]]
    return letters[-LETTERS_MAX:]

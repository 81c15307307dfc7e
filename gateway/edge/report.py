"""What a worker tells of itself: gauges for the metrics once a second, and the admin view when asked."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from gateway.edge.context import Context
from gateway.edge.fallthrough import FallThrough
from gateway.edge.hub import Hub
from gateway.edge.live import SIBLING
from gateway.observe import metrics

INTERVAL_S = 1.0
CHANNELS_MAX = 1000
"""Channels of one report, the most watched first; the rest is counted."""


class Reporter:
    """Reads the table's counters into the metrics and makes reports."""

    def __init__(self, context: Context, hub: Hub, http: FallThrough) -> None:
        self._context = context
        self._hub = hub
        self._http = http
        self._last: dict[str, int] = {}
        self._reconnects = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to copy counters."""
        self._copy()

    def stop(self) -> None:
        """Ends it."""
        if self._timer is not None:
            self._timer.cancel()
            self._copy_once()

    def _copy(self) -> None:
        self._copy_once()
        self._timer = self._context.loop.call_later(INTERVAL_S, self._copy)

    def _copy_once(self) -> None:
        stats = self._context.plane.table.stats()
        metrics.copy_table(stats, self._last, self._http.connections)
        self._last = stats
        reconnects = self._context.bus.reconnects
        metrics.STORE_RECONNECTS.inc(reconnects - self._reconnects)
        self._reconnects = reconnects

    def _siblings(self) -> int:
        table = self._context.plane.table
        return sum(table.tag(conn) == SIBLING for conn in table.connections())

    def snapshot(self) -> dict[str, Any]:
        """The worker for the admin view."""
        seats = sorted(self._hub.seats.values(), key=lambda seat: -seat.viewers)
        return {
            "index": self._context.index,
            "pid": os.getpid(),
            "connections": self._context.plane.table.stats(),
            "sibling_connections": self._siblings(),
            "http_connections": self._http.connections,
            "wakeup": self._context.bus.wakeup,
            "wakeup_reason": self._context.bus.wakeup_reason,
            "channels_total": len(seats),
            "channels": [dict(seat.report()) for seat in seats[:CHANNELS_MAX]],
        }

"""What a worker tells of itself: gauges for the metrics once a second, and the admin view when asked."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

import native
from gateway.edge.context import Context
from gateway.edge.fallthrough import FallThrough
from gateway.edge.hub import Hub
from gateway.edge.live import SIBLING
from gateway.edge.seat import Seat
from gateway.observe import gathered, loop_lag, metrics

INTERVAL_S = 1.0
CHANNELS_MAX = 1000
"""Channels of one report, the most watched first; the rest is counted."""


def resident_bytes() -> int:
    """Memory of this process that is in RAM (proc(5), statm)."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Reporter:
    """Reads the table's counters into the metrics and makes reports."""

    def __init__(self, context: Context, hub: Hub, http: FallThrough) -> None:
        self._context = context
        self._hub = hub
        self._http = http
        self._last: dict[str, int] = {}
        self._last_deflate: dict[str, int] = {}
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
        gathered.settle()
        stats = self._context.plane.table.stats()
        metrics.copy_table(stats, self._last, self._http.connections)
        self._last = stats
        deflate = self._context.encoder.stats()
        metrics.copy_deflate(deflate, self._last_deflate)
        self._last_deflate = deflate
        reconnects = self._context.bus.reconnects
        metrics.STORE_RECONNECTS.inc(reconnects - self._reconnects)
        self._reconnects = reconnects

    def snapshot(self) -> dict[str, Any]:
        """The worker for the admin view."""
        table, bus = self._context.plane.table, self._context.bus
        siblings = [conn for conn in table.connections() if table.tag(conn) == SIBLING]
        # Siblings are members of the groups of what they follow; operators ask for people.
        inside = Counter(group for conn in siblings for group in table.subscriptions(conn))
        seats = sorted(self._hub.seats.values(), key=lambda seat: -seat.viewers)
        return {
            "index": self._context.index,
            "pid": os.getpid(),
            "memory_bytes": resident_bytes(),
            "loop_lag_buckets": loop_lag.buckets(),
            "connections": table.stats(),
            "compression": self._context.encoder.stats(),
            "native": native.counts(),
            "sibling_connections": len(siblings),
            "http_connections": self._http.connections,
            "wakeup": bus.wakeup,
            "wakeup_reason": bus.wakeup_reason,
            "store_connected": bus.connected,
            "store_reconnects": bus.reconnects,
            "channels_total": len(seats),
            "channels": [self._channel(seat, inside) for seat in seats[:CHANNELS_MAX]],
        }

    @staticmethod
    def _channel(seat: Seat, inside: Mapping[int, int]) -> dict[str, Any]:
        siblings = sum(inside.get(group, 0) for outlet in seat.outlets.values() for group in outlet.groups)
        return {**seat.report(), "siblings": siblings}

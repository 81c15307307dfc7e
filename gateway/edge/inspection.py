"""One channel or one connection of this worker, as an operator sees it. Without personal data: no address, no subject, no token."""

from __future__ import annotations

from typing import Any

from gateway.edge.context import Context
from gateway.edge.hub import Hub
from gateway.edge.live import SIBLING, WS, Live
from gateway.edge.outlet import Outlet

CONNECTIONS_MAX = 100
"""Connections told of a channel; all are counted."""


class Inspection:
    """Looks into a worker's seats and connections."""

    def __init__(self, context: Context, hub: Hub, live: Live) -> None:
        self._context = context
        self._hub = hub
        self._live = live

    def channel(self, name: str) -> dict[str, Any] | None:
        """The channel's source, its outlets and some of their viewers; None when this worker does not serve it."""
        seat = self._hub.seats.get(name)
        if seat is None:
            return None
        viewers: list[dict[str, Any]] = []
        outlets = []
        for outlet in seat.outlets.values():
            room = CONNECTIONS_MAX - len(viewers)
            outlets.append(self._outlet(outlet))
            viewers += self._viewers(outlet, room)
        return {**seat.report(), "outlets": outlets, "connections": viewers}

    def connection(self, conn: int) -> dict[str, Any] | None:
        """How one viewer is doing; None when it is gone."""
        described = self._context.plane.table.describe(conn)
        if described is None or described["tag"] == SIBLING:
            return None
        groups = {
            group: outlet
            for seat in self._hub.seats.values()
            for outlet in seat.outlets.values()
            for group in outlet.groups
        }
        grant, encoding = self._live.rights(conn)
        return {
            "connection": f"{conn:x}",
            "kind": "ws" if described["kind"] == WS else "sse",
            "encoding": encoding.name.lower(),
            "audience": grant.audience,
            "anonymous": grant.subject == "",
            "expires_s": described["expires_s"] or None,
            "silent_ms": described["silent_ms"],
            "pending_bytes": described["pending_bytes"],
            "channels": [
                {
                    "channel": groups[group].view.channel,
                    "behind": behind,
                    "flushes_behind": max(0, groups[group].view.flush_seq - held),
                    "version": groups[group].view.version_at(held),
                }
                for group, held, behind in described["groups"]
                if group in groups
            ],
        }

    def _outlet(self, outlet: Outlet) -> dict[str, Any]:
        table = self._context.plane.table
        return {
            "audience": outlet.audience.name,
            "version": outlet.view.version,
            "status": outlet.status.status,
            "behind_ms": outlet.status.behind_ms,
            "waiting": outlet.waiting,
            "viewers": {encoding.name.lower(): table.group_size(group) for group, encoding in outlet.groups.items()},
            "behind": outlet.behind,
        }

    def _viewers(self, outlet: Outlet, most: int) -> list[dict[str, Any]]:
        table = self._context.plane.table
        found: list[dict[str, Any]] = []
        for group, encoding in outlet.groups.items():
            for conn in table.members(group, most - len(found)):
                described = table.describe(conn)
                if described is None or described["tag"] == SIBLING:
                    continue
                behind = next((late for number, _, late in described["groups"] if number == group), False)
                found.append(
                    {
                        "connection": f"{conn:x}",
                        "kind": "ws" if described["kind"] == WS else "sse",
                        "encoding": encoding.name.lower(),
                        "audience": outlet.audience.name,
                        "behind": behind,
                        "pending_bytes": described["pending_bytes"],
                    }
                )
        return found

"""What the native step of plain entries works with (native/step.pyx): our types, limits and metrics, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.edge.encoding import Encoding
from gateway.model import entry, view
from gateway.model.channel import RingEntry
from gateway.model.errors import MalformedEntry
from gateway.model.lag import LAGGING_MS
from gateway.model.rules import TRANSIENT_OPS, VIEWERS_OP
from gateway.observe import gathered
from native.step import Step

if TYPE_CHECKING:
    from gateway.edge.context import Context


def plain_step(context: Context) -> Step | None:
    """The step for the owners of one worker; None where delayed audiences have to hear of every entry."""
    if any(audience.delay_ms for audience in context.audiences.values()):
        return None
    plane, limits = context.plane, context.channel_limits
    return Step(
        plane.table,
        plane.fanout,
        plane,
        {
            "events_in": gathered.EVENTS_IN,
            "publish_to_flush": gathered.PUBLISH_TO_FLUSH,
            "decode": msgspec.json.Decoder().decode,
            "undecodable": (msgspec.DecodeError, UnicodeDecodeError, RecursionError),
            "encode": msgspec.json.Encoder().encode,
            "check_points": entry.check_points,
            "malformed": MalformedEntry,
            "event": entry.Event,
            "ring_entry": RingEntry,
            "flush": view.Flush,
            "json": Encoding.JSON,
            "sibling": Encoding.SIBLING,
            "transient": TRANSIENT_OPS,
            "viewers_op": VIEWERS_OP,
            "max_entry_bytes": limits.max_entry_bytes,
            "max_nodes": limits.max_nodes,
            "max_depth": limits.max_depth,
            "op_max_chars": entry.OP_MAX_CHARS,
            "ring_entries": limits.ring_entries,
            "ring_bytes": limits.ring_bytes,
            "view_entries": context.settings.channel.ring_entries,
            "view_bytes": view.RING_BYTES,
            "lagging_ms": LAGGING_MS,
            "min_interval_ms": context.settings.pace.min_interval_ms,
        },
    )

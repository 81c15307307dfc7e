"""One entry of a stream and the events in it: decoding with limits, and every reason why an entry is malformed. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.model.errors import MalformedEntry, PatchTooDeep, PatchTooLarge
from gateway.model.patch import check_limits
from gateway.model.version import Position, entry_digest

REASONS: Final = (
    "not_json",
    "not_an_event",
    "bad_op",
    "bad_patch",
    "bad_points",
    "bad_reset",
    "bad_field",
    "too_deep",
    "too_large",
    "too_many_events",
    "unknown_rules",
    "reset_in_epoch",
    "epoch_without_reset",
    "missing_field",
    "broken_stream",
)

OP_MAX_CHARS: Final = 64
INT64_MAX: Final = 2**63 - 1


class EntryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry may hold."""

    max_entry_bytes: int = 65_536
    max_depth: int = 16
    max_nodes: int = 20_000
    max_events: int = 500


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An entry as the store keeps it.

    Args:
        t_ms: the publisher's clock, unix ms (field `t`); None when it is missing or not a number.
        raw: an event or a list of events, JSON (field `e`).
    """

    position: Position
    t_ms: int | None
    raw: bytes


class Event(msgspec.Struct, frozen=True):
    """One event.

    Args:
        public: what viewers may see of it (audiences hide more): all fields but `patch`, `points`, `t`, `state`, `rules`.
        patch: its merge patch on the document; None leaves it to the rules.
        points: increments by board and member; None leaves them to the rules.
    """

    op: str
    public: dict[str, Any]
    patch: dict[str, Any] | None = None
    points: dict[str, dict[str, int]] | None = None
    state: dict[str, Any] | None = None
    rules: str = ""


_decode = msgspec.json.Decoder().decode


def entry_digest_of(entry: Entry) -> int:
    """The entry's digest (version.entry_digest)."""
    return entry_digest(entry.position, entry.t_ms, entry.raw)


def decode_events(raw: bytes, limits: EntryLimits) -> list[Event]:
    """The events of an entry, in order; at least one.

    Raises:
        MalformedEntry: with one of REASONS.
    """
    if len(raw) > limits.max_entry_bytes:
        raise MalformedEntry("too_large")
    if not raw:
        raise MalformedEntry("missing_field")
    try:
        value = _decode(raw)
    except RecursionError:
        raise MalformedEntry("too_deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedEntry("not_json") from None
    # A value has at least a byte, and a bracket for each level: most entries need not be looked through.
    if len(raw) > limits.max_nodes or raw.count(b"{") + raw.count(b"[") > limits.max_depth:
        try:
            check_limits(value, limits.max_depth, limits.max_nodes)
        except PatchTooDeep:
            raise MalformedEntry("too_deep") from None
        except PatchTooLarge:
            raise MalformedEntry("too_large") from None
    values = value if isinstance(value, list) else [value]
    if not values:
        raise MalformedEntry("not_an_event")
    if len(values) > limits.max_events:
        raise MalformedEntry("too_many_events")
    return [_event(item) for item in values]


def _event(value: Any) -> Event:
    if not isinstance(value, dict):
        raise MalformedEntry("not_an_event")
    op = value.get("op")
    if not isinstance(op, str) or not 0 < len(op) <= OP_MAX_CHARS:
        raise MalformedEntry("bad_op")
    patch = value.pop("patch", None)
    if patch is not None and not isinstance(patch, dict):
        raise MalformedEntry("bad_patch")
    points = value.pop("points", None)
    if points is not None:
        check_points(points)
    value.pop("t", None)
    state, rules = None, ""
    if op == "reset":
        state, rules = value.pop("state", None), value.pop("rules", "scoreboard")
        if not isinstance(state, dict) or not isinstance(rules, str):
            raise MalformedEntry("bad_reset")
    return Event(op, value, patch, points, state, rules)


def check_points(points: Any) -> None:
    """Points are whole numbers by board and member.

    Raises:
        MalformedEntry: bad_points.
    """
    if not isinstance(points, dict):
        raise MalformedEntry("bad_points")
    for members in points.values():
        if not isinstance(members, dict):
            raise MalformedEntry("bad_points")
        for increment in members.values():
            if type(increment) is not int or abs(increment) > INT64_MAX:
                raise MalformedEntry("bad_points")

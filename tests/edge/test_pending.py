"""What waits for a flush: one patch that does what its parts did, and a bounded list of events."""

from __future__ import annotations

from gateway.edge.pending import Pending
from gateway.model.patch import apply, fold


def test_parts_compose_to_what_they_did_one_by_one() -> None:
    before = {"a": {"b": 1, "c": 2}, "d": 3}
    document, pending = before, Pending(10)
    for patch in ({"a": None}, {"a": {"x": 1}}, {"d": {"e": 1}}, {"a": {"b": 2}}):
        document, grounded = fold(document, patch)
        pending.add(grounded, [])
    assert apply(before, pending.patch) == document
    assert pending.entries == 4


def test_events_beyond_the_bound_are_counted() -> None:
    pending = Pending(3)
    pending.add({}, [{"op": str(number)} for number in range(2)])
    pending.add({}, [{"op": str(number)} for number in range(2, 7)])
    assert [event["op"] for event in pending.events] == ["4", "5", "6"]
    assert pending.skipped == 4


def test_a_replacement_forgets_what_came_before() -> None:
    pending = Pending(3)
    pending.add({"a": 1}, [{"op": "kill"}])
    pending.replace()
    assert pending
    assert pending.replaced
    assert not pending.events

"""Channels: folding, epochs, the ring, keyframes, and the promise that snapshot + deltas = fold of everything."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.audience import Audience
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.errors import BadKeyframe
from gateway.model.version import Position, Version, mix
from gateway.model.view import View
from tests.model.strategies import DOCUMENTS, PATCHES, same
from tests.model.twin import merge

LIMITS = ChannelLimits(ring_entries=8)
PUBLIC = Audience("public")
BLIND = Audience("blind", ("/a/pos", "/*/b", "/events/*/pos"))


def entry(epoch: int, seq: int, *events: dict[str, Any]) -> Entry:
    return Entry(Position(epoch, seq), 1000 + seq, msgspec.json.encode(events[0] if len(events) == 1 else list(events)))


def reset(epoch: int, state: Any) -> Entry:
    return entry(epoch, 0, {"op": "reset", "state": state})


def version_of(channel: Channel, audience: Audience) -> str:
    assert channel.position is not None
    return str(Version(channel.position, mix(channel.digest, audience.key)))


@given(DOCUMENTS, st.lists(PATCHES, max_size=12))
def test_folding_is_merging_one_after_the_other(state: Any, patches: list[Any]) -> None:
    channel = Channel("match:1", LIMITS)
    assert channel.fold(reset(1, state), 0).kind == "reset"
    expected = merge({}, state)
    for seq, patch in enumerate(patches, start=1):
        folded = channel.fold(entry(1, seq, {"op": "x", "patch": patch}), 0)
        assert (folded.kind, folded.gap) == ("applied", False)
        expected = merge(expected, patch)
        assert same(channel.doc, expected)


@settings(max_examples=60)
@given(DOCUMENTS, st.lists(PATCHES, min_size=1, max_size=14), st.sampled_from([PUBLIC, BLIND]))
def test_a_delta_between_any_two_versions_of_the_ring(state: Any, patches: list[Any], audience: Audience) -> None:
    channel = Channel("match:1", LIMITS)
    channel.fold(reset(1, state), 0)
    seen = {version_of(channel, audience): audience.project_doc(channel.doc)}
    for seq, patch in enumerate(patches, start=1):
        channel.fold(entry(1, seq, {"op": "x", "patch": patch, "pos": [1]}), 0)
        seen[version_of(channel, audience)] = audience.project_doc(channel.doc)
    from gateway.model.patch import to_merge_patch

    indices = {text: channel.lookup(Version.parse(text), audience) for text in seen}
    assert sum(index is not None for index in indices.values()) == min(len(seen), LIMITS.ring_entries)
    for start, first in indices.items():
        for end, last in indices.items():
            if first is None or last is None or first > last:
                continue
            patch, events, skipped = channel.between(first, last)
            plain = to_merge_patch(audience.project_patch(patch))
            assert same(merge(seen[start], plain), seen[end])
            assert len(events) + skipped == last - first
            assert all("pos" not in event for event in audience.project_events(events)) or audience is PUBLIC


@given(st.lists(PATCHES, min_size=1, max_size=10), st.data())
def test_a_rewritten_history_is_not_confirmed(patches: list[Any], data: st.DataObject) -> None:
    entries = [reset(1, {}), *(entry(1, seq, {"op": "x", "patch": p}) for seq, p in enumerate(patches, start=1))]
    channel = Channel("match:1", LIMITS)
    for one in entries:
        channel.fold(one, 0)
    index = data.draw(st.integers(max(0, len(entries) - LIMITS.ring_entries), len(entries) - 1))
    other = Entry(entries[index].position, entries[index].t_ms, entries[index].raw + b" ")
    assert channel.confirms(entries[index]) is True
    assert channel.confirms(other) is False
    rewritten = Channel("match:1", LIMITS)
    for position, one in enumerate(entries):
        rewritten.fold(other if position == index else one, 0)
    assert rewritten.lookup(Version.parse(version_of(channel, PUBLIC)), PUBLIC) is None


@given(DOCUMENTS, st.lists(PATCHES, max_size=10), st.integers(0, 10))
def test_a_keyframe_continues_the_same_history(state: Any, patches: list[Any], cut: int) -> None:
    entries = [reset(3, state), *(entry(3, seq, {"op": "x", "patch": p}) for seq, p in enumerate(patches, start=1))]
    whole, part = Channel("match:1", LIMITS), Channel("match:1", LIMITS)
    for number, one in enumerate(entries):
        whole.fold(one, 0)
        if number <= cut:
            part.fold(one, 0)
    restored = Channel.from_keyframe(part.keyframe(), "match:1", LIMITS)
    for one in entries:
        restored.fold(one, 0)
    assert same(restored.doc, whole.doc)
    assert (restored.position, restored.digest) == (whole.position, whole.digest)
    assert list(restored.feed) == list(whole.feed)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_keyframe_or_a_bad_one(data: bytes) -> None:
    with pytest.raises(BadKeyframe):
        Channel.from_keyframe(data, "match:1", LIMITS)


def test_a_keyframe_of_another_channel_is_refused() -> None:
    channel = Channel("match:1", LIMITS)
    channel.fold(reset(1, {}), 0)
    with pytest.raises(BadKeyframe):
        Channel.from_keyframe(channel.keyframe(), "match:2", LIMITS)


def test_epochs_and_resets() -> None:
    channel = Channel("match:1", LIMITS)
    channel.fold(reset(1, {"a": 1}), 0)
    assert channel.fold(entry(1, 1, {"op": "reset", "state": {}}), 0).reason == "reset_in_epoch"
    assert channel.doc == {"a": 1}
    assert channel.position == Position(1, 1)
    assert channel.fold(entry(1, 1, {"op": "x"}), 0).kind == "duplicate"
    assert channel.fold(entry(0, 9, {"op": "x"}), 0).kind == "duplicate"
    opened = channel.fold(entry(2, 0, {"op": "x", "patch": {"b": 1}}), 0)
    assert (opened.kind, opened.opened, opened.reason) == ("applied", True, "epoch_without_reset")
    assert channel.doc == {"b": 1}
    assert channel.fold(entry(2, 2, {"op": "x"}), 0).gap
    late = channel.fold(entry(3, 1, {"op": "x", "patch": {"c": 1}}), 0)
    assert late.gap
    assert channel.doc == {"c": 1}


def test_a_malformed_entry_changes_nothing_and_moves_on() -> None:
    channel = Channel("match:1", LIMITS)
    channel.fold(reset(1, {"a": 1}), 0)
    folded = channel.fold(entry(1, 1, {"op": "x", "patch": {"a": 2}}, {"op": "kill", "target": 5}), 0)
    assert (folded.kind, folded.reason) == ("malformed", "bad_field")
    assert channel.doc == {"a": 1}
    assert not channel.feed
    assert channel.position == Position(1, 1)
    broken = channel.fold(Entry(Position(2, 0), None, b'{"op":"reset","state":5}'), 0)
    assert (broken.kind, broken.opened) == ("malformed", True)
    assert channel.doc == {}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "missing_field"), (b"{", "not_json"), (b"\xff", "not_json"), (b"17", "not_an_event"), (b"[]", "not_an_event"),
        (b"[1]", "not_an_event"), (b"{}", "bad_op"), (b'{"op":3}', "bad_op"), (b'{"op":""}', "bad_op"),
        (b'{"op":"x","patch":[]}', "bad_patch"), (b'{"op":"x","points":{"k":{"p":1.5}}}', "bad_points"),
        (b'{"op":"x","points":{"k":{"p":true}}}', "bad_points"), (b"[" * 2000 + b"]" * 2000, "too_deep"),
        (b'{"op":"x","a":' + b"[" * 40 + b"]" * 40 + b"}", "too_deep"), (b" " * 70_000, "too_large"),
        (b"[" + b",".join([b'{"op":"x"}'] * 501) + b"]", "too_many_events"),
        (b'{"op":"reset","state":{},"rules":"none"}', "reset_in_epoch"), (b'{"op":"x","patch":{"a":1e999}}', "not_json"),
    ],
)  # fmt: skip
def test_every_reason(raw: bytes, reason: str) -> None:
    channel = Channel("match:1", LIMITS)
    channel.fold(reset(1, {}), 0)
    assert channel.fold(Entry(Position(1, 1), None, raw), 0).reason == reason


def test_public_fields_only() -> None:
    channel = Channel("match:1", LIMITS)
    channel.fold(reset(1, {}), 0)
    folded = channel.fold(
        entry(1, 1, {"op": "goal", "by": "p1", "t": 5, "patch": {"a": 1}, "points": {"goals": {"p1": 1}}}), 0
    )
    assert folded.events == [{"op": "goal", "by": "p1"}]
    assert folded.points == {"goals": {"p1": 1}}


def test_memory_is_bounded_and_about_what_is_said() -> None:
    limits = ChannelLimits()
    tracemalloc.start()
    try:
        channel = Channel("match:1", limits)
        channel.fold(reset(1, {"players": {f"p{n}": {"pos": [0, 0], "hp": 100} for n in range(10)}}), 0)
        for seq in range(1, 20_001):
            patch = {"players": {f"p{seq % 10}": {"pos": [seq, seq % 77], "hp": seq % 100}}}
            channel.fold(entry(1, seq, {"op": "move", "who": seq % 10, "patch": patch}), 0)
            if seq == 10_000:
                half = tracemalloc.get_traced_memory()[0]
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used < half * 1.2
    assert used / 4 < channel.memory_bytes() < used * 4


@settings(max_examples=60)
@given(
    DOCUMENTS,
    st.lists(st.tuples(PATCHES, st.booleans(), st.booleans()), min_size=1, max_size=12),
    st.sampled_from([PUBLIC, BLIND]),
)
def test_an_audience_never_sees_what_is_hidden(state: Any, steps: list[Any], audience: Audience) -> None:
    channel, view = Channel("match:1", ChannelLimits()), View("match:1", audience, 8, 5)
    channel.fold(reset(1, state), 0)
    view.replace(audience.project_doc(channel.doc), version_of(channel, audience), [])
    shown = view.doc
    for seq, (patch, flush, _) in enumerate(steps, start=1):
        folded = channel.fold(entry(1, seq, {"op": "x", "patch": patch, "pos": 5}), 0)
        delta = view.advance(
            audience.project_patch(folded.patch), audience.project_events(folded.events), 0,
            version_of(channel, audience), force=flush,
        )  # fmt: skip
        if delta is not None:
            shown = merge(shown, delta.patch)
        assert same(shown, audience.project_doc(channel.doc))
        text = json.dumps([shown, msgspec.to_builtins(delta), list(view.feed)])
        if audience is BLIND:
            assert '"pos": 5' not in text
            assert "b" not in (shown.get("a") if isinstance(shown.get("a"), dict) else {})

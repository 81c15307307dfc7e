"""Viewers that follow the rules end on the right document, whatever their connection did to the messages."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.audience import Audience
from gateway.model.messages import Delta, ServerMessage, Snapshot, Tick
from gateway.model.patch import fold
from gateway.model.view import View
from gateway.model.viewer import Action, ViewerState
from tests.model.strategies import DOCUMENTS, PATCHES, same

PUBLIC = Audience("public")


class Server:
    """The gateway as the protocol describes it: a view that advances, and answers to `watch`."""

    def __init__(self, state: Any) -> None:
        self.view = View("match:1", PUBLIC, 6, 4)
        self.view.replace(state, "1-0.0", [])
        self.step = 0

    def advance(self, patch: Any, replace: bool) -> ServerMessage | None:
        self.step += 1
        version = f"1-{self.step}.0"
        if replace:
            self.view.replace(fold({}, patch)[0], version, [])
            return self.view.snapshot("live")
        _, grounded = fold(self.view.doc, patch)
        return self.view.advance(grounded, [{"op": "x", "n": self.step}], 0, version)

    def watch(self, since: str | None) -> ServerMessage:
        assert self.view.version is not None
        if since == self.view.version:
            return Tick("match:1", self.view.version)
        return (self.view.delta_since(since) if since else None) or self.view.snapshot("live")


@settings(max_examples=150)
@given(
    DOCUMENTS,
    st.lists(
        st.tuples(PATCHES, st.booleans(), st.sampled_from(["pass", "pass", "cut", "twice", "late"])),
        min_size=1,
        max_size=14,
    ),
)
def test_cut_doubled_and_late_messages(state: Any, steps: list[Any]) -> None:
    server, viewer = Server(state), ViewerState()
    viewer.receive(server.watch(None))
    late: list[ServerMessage] = []

    def deliver(message: ServerMessage) -> None:
        if viewer.receive(message) is Action.RESYNC:
            assert viewer.receive(server.watch(viewer.version)) in (Action.APPLIED, Action.NOTED)

    for patch, replace, fault in steps:
        message = server.advance(patch, replace)
        if message is None or fault == "cut":
            continue
        # A connection keeps its order, so a late message is one of an older connection.
        if fault == "late" and isinstance(message, Delta):
            late.append(message)
            continue
        deliver(message)
        if fault == "twice" and isinstance(message, Delta):
            deliver(message)
        while late:
            deliver(late.pop())
    assert server.view.version is not None
    deliver(Tick("match:1", server.view.version))
    assert viewer.version == server.view.version
    assert same(viewer.doc, server.view.doc)


@given(DOCUMENTS, st.lists(PATCHES, min_size=1, max_size=12))
def test_the_ring_conflates_from_every_version_it_holds(state: Any, patches: list[Any]) -> None:
    server = Server(state)
    held: dict[str, Any] = {"1-0.0": state}
    for patch in patches:
        server.advance(patch, False)
        assert server.view.version is not None
        held[server.view.version] = server.view.doc
    for version, doc in held.items():
        viewer = ViewerState()
        viewer.doc, viewer.version = doc, version
        delta = server.view.delta_since(version)
        if delta is not None:
            assert viewer.receive(delta) is Action.APPLIED
            assert len(delta.events) + delta.skipped == server.view.flush_seq - server.view.flush_seq_of(version)  # type: ignore[operator]
        elif version != server.view.version:
            continue
        assert same(viewer.doc, server.view.doc)
    assert sum(server.view.delta_since(version) is not None for version in held) == min(len(patches), 6)


def test_a_follower_repeats_what_it_hears() -> None:
    server, follower = Server({"a": {"z": 1}}), View("match:1", PUBLIC, 6, 4)
    first = server.watch(None)
    assert isinstance(first, Snapshot)
    follower.replace(first.state, first.version, first.feed)
    for patch in ({"a": None}, {"a": {"y": 1}}, {"b": [1]}):
        message = server.advance(patch, False)
        assert isinstance(message, Delta)
        follower.receive(message)
    delta = follower.delta_since("1-0.0")
    assert delta is not None
    assert delta.patch == {"a": {"z": None, "y": 1}, "b": [1]}
    assert (follower.doc, follower.version) == (server.view.doc, server.view.version)

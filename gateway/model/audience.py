"""An audience: a named view of a channel, with hidden paths and a delay. What it hides it never shows. Pure.

A path is `/players/*/pos`: member names from the root, `*` for any. `/events/{op or *}/{field}` hides fields of events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.model.patch import Json, Patch, Replace

Hidden = Mapping[str, Any]
"""A tree of hidden paths: True hides the member, a mapping goes deeper."""


class Audience:
    """One audience.

    Args:
        name: as tokens name it.
        hidden: paths that it must not see.
        delay_ms: how much later than the others it sees everything.

    Raises:
        ValueError: a path is not a path, or the delay is negative.
    """

    __slots__ = ("_events", "_tree", "delay_ms", "hidden", "key", "name", "plain")

    def __init__(self, name: str, hidden: tuple[str, ...] = (), delay_ms: int = 0) -> None:
        if delay_ms < 0:
            raise ValueError("a delay is not negative")
        self.name = name
        self.hidden = tuple(sorted(hidden))
        self.delay_ms = delay_ms
        self.key = "|".join((name, *self.hidden, str(delay_ms))).encode()
        self._tree: dict[str, Any] = {}
        self._events: dict[str, Any] = {}
        for path in self.hidden:
            parts = path.split("/")
            if parts[0] or len(parts) < 2 or not all(parts[1:]):
                raise ValueError(f"not a path: {path!r}")
            if parts[1] == "events":
                _add(self._events, parts[2:] if len(parts) > 2 else ["*"])
            else:
                _add(self._tree, parts[1:])
        self.plain = not (self._tree or self._events or delay_ms)
        """It sees everything, and at once."""

    @property
    def sees_all(self) -> bool:
        """Whether nothing of the document is hidden from it."""
        return not self._tree

    def project_doc(self, document: Json) -> Json:
        """The document as the audience sees it."""
        return _project(document, [self._tree]) if self._tree else document

    def project_patch(self, patch: Patch) -> Patch:
        """A grounded patch without what is hidden; a merge that becomes empty changes nothing and is dropped."""
        return _project_patch(patch, [self._tree]) if self._tree else patch

    def project_event(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """An event without its hidden fields; None when it is hidden altogether."""
        if not self._events:
            return event
        trees = [tree for name in ("*", event.get("op", "")) if (tree := self._events.get(name)) is not None]
        if any(tree is True for tree in trees):
            return None
        projected: dict[str, Any] = _project(event, trees) if trees else event
        return projected

    def project_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those events that the audience may see, as it may see them."""
        if not self._events:
            return events
        return [shown for event in events if (shown := self.project_event(event)) is not None]


def _add(tree: dict[str, Any], parts: list[str]) -> None:
    for part in parts[:-1]:
        inner = tree.setdefault(part, {})
        if inner is True:
            return
        tree = inner
    tree[parts[-1]] = True


def _below(trees: list[Hidden], key: str) -> list[Hidden] | None:
    """The hidden trees under a member; None when the member itself is hidden."""
    found: list[Hidden] = []
    for tree in trees:
        for name in (key, "*"):
            inner = tree.get(name)
            if inner is True:
                return None
            if inner is not None:
                found.append(inner)
    return found


def _project(value: Json, trees: list[Hidden]) -> Json:
    if not isinstance(value, dict):
        return value
    result = {}
    for key, member in value.items():
        below = _below(trees, key)
        if below is not None:
            result[key] = _project(member, below) if below else member
    return result


def _project_patch(patch: Patch, trees: list[Hidden]) -> Patch:
    if type(patch) is Replace:
        return Replace(_project(patch.value, trees), _project(patch.over, trees))
    if not isinstance(patch, dict):
        return patch
    result = {}
    for key, member in patch.items():
        below = _below(trees, key)
        if below is None:
            continue
        projected = _project_patch(member, below) if below else member
        if projected != {} or not isinstance(projected, dict):
            result[key] = projected
    return result

"""Running figures: a merge patch carries absolute values, so whoever writes patches keeps the sums.

Owns the sums of one recording while it is made; never reads a document.
"""

from __future__ import annotations

from typing import Any

Path = tuple[str, ...]


class Figures:
    """Numbers at paths of the document, and the patch of those that changed since the last `patch()`."""

    def __init__(self) -> None:
        self._values: dict[Path, int] = {}
        self._changed: dict[str, Any] = {}

    def add(self, *path: str, by: int = 1) -> int:
        """Adds to the number at `path` (0 at first) and returns it."""
        value = self._values.get(path, 0) + by
        self._values[path] = value
        self._put(path, value)
        return value

    def set(self, *path: str, to: Any) -> None:
        """Puts any value at `path`; None takes it out of the document."""
        if isinstance(to, int):
            self._values[path] = to
        self._put(path, to)

    def patch(self) -> dict[str, Any]:
        """What changed since the last call, as one merge patch."""
        changed, self._changed = self._changed, {}
        return changed

    def _put(self, path: Path, value: Any) -> None:
        node = self._changed
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value

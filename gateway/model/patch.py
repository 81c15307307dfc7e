"""JSON Merge Patch (RFC 7396) over documents that are never changed in place: apply, fold, compose.

Merge patches are not closed under composition: {"a": null} then {"a": {"b": 1}} replaces `a`, which no merge patch says for
every document. `Replace` says it; `to_merge_patch` writes it as nulls for the keys that were there. Pure.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.model.errors import PatchTooDeep, PatchTooLarge

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None; shared between documents, never changed."""

Patch = Any
"""A merge patch, perhaps with Replace nodes."""

_MISSING: Final = object()

NODE_BYTES: Final = 20
"""What a node of a patch is taken for that is kept as objects."""


class Replace:
    """`value` replaces whatever was there.

    Args:
        value: the new value, never containing a Replace.
        over: the keys (a tree of dicts, leaves are ignored) that may have been there.
    """

    __slots__ = ("over", "value")

    def __init__(self, value: Json, over: dict[str, Any]) -> None:
        self.value = value
        self.over = over

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Replace) and self.value == other.value and self.over == other.over

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Replace({self.value!r}, over={self.over!r})"


def apply(document: Json, patch: Patch) -> Json:
    """The patched document (RFC 7396 section 2); what the patch does not touch is shared with `document`."""
    if type(patch) is Replace:
        return patch.value
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = apply(result.get(key), value)
        else:
            result[key] = value.value if type(value) is Replace else value
            if result[key] is None:
                del result[key]
    return result


def fold(document: dict[str, Json], patch: dict[str, Any]) -> tuple[dict[str, Json], dict[str, Any]]:
    """Applies a plain merge patch and says exactly what it did.

    Returns:
        The new document, and the patch grounded on `document`: what changes nothing is dropped, what replaces an object or
        makes a new one is a Replace. So every dict left in it merges into an object that is there.
    """
    result = dict(document)
    grounded: dict[str, Any] = {}
    for key, value in patch.items():
        base = result.get(key, _MISSING)
        if isinstance(value, dict):
            if isinstance(base, dict):
                merged, inner = fold(base, value)
                if inner:
                    result[key] = merged
                    grounded[key] = inner
            else:
                made = apply(None, value)
                result[key] = made
                grounded[key] = Replace(made, {})
        elif value is None:
            if base is not _MISSING:
                del result[key]
                grounded[key] = Replace(None, base) if isinstance(base, dict) else None
        elif isinstance(base, dict):
            result[key] = value
            grounded[key] = Replace(value, base)
        elif isinstance(value, list) or type(base) is not type(value) or base != value:
            result[key] = value
            grounded[key] = value
    return result, grounded


def compose(first: Patch, second: Patch) -> Patch:
    """The patch that does `first`, then `second`: apply(d, compose(a, b)) == apply(apply(d, a), b) for every d."""
    if type(second) is Replace:
        return Replace(second.value, _over(second.over, first))
    if not isinstance(second, dict):
        if isinstance(first, dict):
            return Replace(second, _over({}, first))
        return Replace(second, first.over) if type(first) is Replace else second
    if type(first) is Replace:
        return Replace(apply(first.value, second), first.over)
    if not isinstance(first, dict):
        return Replace(apply(None, second), {})
    result = dict(first)
    for key, value in second.items():
        result[key] = compose(result[key], value) if key in result else value
    return result


def _over(over: dict[str, Any], patch: Patch) -> dict[str, Any]:
    """The keys of `over` and all those that `patch` may have made or taken away."""
    if type(patch) is Replace:
        return _union(over, patch.over)
    if not isinstance(patch, dict):
        return over
    result = dict(over)
    for key, value in patch.items():
        known = result.get(key)
        inner = known if isinstance(known, dict) else {}
        result[key] = _over(inner, value) or known
    return result


def _union(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if not one or not other:
        return one or other
    result = dict(one)
    for key, value in other.items():
        known = result.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            result[key] = _union(known, value)
        elif not isinstance(known, dict):
            result[key] = value
    return result


def to_merge_patch(patch: Patch) -> Json:
    """The plain RFC 7396 patch; exact on the document that the first of the composed patches was grounded on."""
    if type(patch) is Replace:
        return _replacement(patch.value, patch.over)
    if not isinstance(patch, dict):
        return patch
    for value in patch.values():
        if type(value) is Replace or isinstance(value, dict):
            break
    else:
        return patch
    return {key: to_merge_patch(value) for key, value in patch.items()}


def _replacement(value: Json, over: Json) -> Json:
    if not isinstance(value, dict) or not isinstance(over, dict) or not over:
        return value
    result: dict[str, Any] = {key: None for key in over if key not in value}
    for key, member in value.items():
        result[key] = _replacement(member, over.get(key))
    return result


def pack(patch: Patch) -> bytes | Patch:
    """The patch to be kept: as JSON, which takes a fraction of the memory and nothing of the collector's time; one with a
    Replace stays as it is."""
    try:
        return _encode(patch)
    except _NotJson:
        return patch


def unpack(kept: bytes | Patch) -> Patch:
    """The patch that was packed."""
    return _decode(kept) if type(kept) is bytes else kept


def weight(kept: bytes | Patch) -> int:
    """About how many bytes of JSON a packed patch is."""
    return len(kept) if type(kept) is bytes else NODE_BYTES * _nodes(kept)


def _nodes(value: Any) -> int:
    if type(value) is Replace:
        return 2 + _nodes(value.value) + _nodes(value.over)
    if isinstance(value, dict):
        return 1 + sum(map(_nodes, value.values()))
    return 1 + len(value) if isinstance(value, list) else 1


class _NotJson(Exception):
    """A Replace has no form in JSON."""


def _refuse(value: object) -> object:
    raise _NotJson


_encode = msgspec.json.Encoder(enc_hook=_refuse).encode
_decode = msgspec.json.Decoder().decode


def strip_nulls(value: Json) -> Json:
    """The value without object members that are null, which a merge patch cannot speak of; lists stay as they are."""
    if not isinstance(value, dict):
        return value
    return {key: strip_nulls(member) for key, member in value.items() if member is not None}


def check_depth(values: list[Json], max_depth: int) -> None:
    """Looks at every value, without recursion.

    Raises:
        PatchTooDeep
    """
    level = values
    for _ in range(max_depth + 1):
        level = _within(level)
        if not level:
            return
    raise PatchTooDeep


def _within(level: list[Json]) -> list[Json]:
    """All that the values of one level hold."""
    deeper: list[Any] = []
    for member in level:
        if isinstance(member, dict):
            deeper.extend(member.values())
        elif isinstance(member, list):
            deeper.extend(member)
    return deeper


def check_limits(value: Json, max_depth: int, max_nodes: int) -> int:
    """Counts the value's nodes.

    Raises:
        PatchTooDeep, PatchTooLarge
    """
    nodes = 0
    level = [value]
    for _ in range(max_depth + 1):
        nodes += len(level)
        if nodes > max_nodes:
            raise PatchTooLarge
        level = _within(level)
        if not level:
            return nodes
    raise PatchTooDeep

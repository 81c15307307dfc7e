"""What the collector sees of a document after a fold: nothing of the way that the patch went."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest
from hypothesis import given

from gateway.model.patch import Replace, fold
from native.untrack import untrack
from tests.model.strategies import DOCUMENTS, PATCHES


def seen(document: Any) -> bool:
    return gc.is_tracked(document)


def test_the_way_of_the_patch_is_hidden_and_nothing_else() -> None:
    document: dict[str, Any] = {"teams": {"red": {"score": [1]}, "blue": {"score": [2]}}, "players": {"p": {"at": [0]}}}
    document, patch = fold(document, {"teams": {"red": {"score": [5]}}})
    teams = document["teams"]
    assert seen(document)
    assert seen(teams)
    untrack(document, patch)
    assert not seen(document)
    assert not seen(teams)
    assert not seen(teams["red"])
    assert seen(teams["blue"])
    assert seen(document["players"])


def test_what_is_hidden_is_freed_all_the_same() -> None:
    made, patch = fold({"a": {"b": {}}}, {"a": {"b": {"c": [1, 2]}}})
    leaf = made["a"]["b"]["c"]
    before = sys.getrefcount(leaf)
    untrack(made, patch)
    untrack(made, patch)
    del made, patch
    assert sys.getrefcount(leaf) < before


@given(DOCUMENTS, PATCHES)
def test_any_fold_can_be_hidden_and_collected(document: Any, patch: Any) -> None:
    folded, grounded = fold(document, patch)
    text = repr(folded)
    untrack(folded, grounded)
    gc.collect()
    assert repr(folded) == text


def test_patches_that_do_not_fit_are_passed_over() -> None:
    document = {"a": 1, "b": {"c": {}}}
    untrack(document, {"a": {"x": {}}, "b": Replace({}, {}), "gone": {}, "c": None})
    assert not seen(document)
    deep: dict[str, Any] = {}
    for _ in range(1000):
        deep = {"a": deep}
    untrack(deep, deep)
    with pytest.raises(TypeError):
        untrack([], {})  # type: ignore[arg-type]

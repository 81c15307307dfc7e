"""Merge patches: RFC 7396, exact composition, grounding, projection, limits."""

from __future__ import annotations

import copy
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.audience import Audience
from gateway.model.errors import PatchTooDeep, PatchTooLarge
from gateway.model.patch import apply, check_limits, compose, fold, strip_nulls, to_merge_patch
from tests.model.strategies import DOCUMENTS, PATCHES, VALUES, same
from tests.model.twin import merge

# RFC 7396 appendix A
RFC_CASES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("document", "patch", "result"), RFC_CASES)
def test_rfc_7396_appendix_a(document: Any, patch: Any, result: Any) -> None:
    assert same(apply(document, patch), result)


@given(VALUES, VALUES)
def test_apply_does_what_the_rfc_says_and_changes_nothing_in_place(document: Any, patch: Any) -> None:
    before, patch_before = copy.deepcopy(document), copy.deepcopy(patch)
    assert same(apply(document, patch), merge(document, patch))
    assert same(document, before)
    assert same(patch, patch_before)


@given(VALUES, VALUES, VALUES)
def test_composition_holds_for_any_document(document: Any, first: Any, second: Any) -> None:
    assert same(apply(document, compose(first, second)), apply(apply(document, first), second))


@given(VALUES, VALUES, VALUES, VALUES)
def test_composition_is_associative(document: Any, first: Any, second: Any, third: Any) -> None:
    left = compose(compose(first, second), third)
    right = compose(first, compose(second, third))
    assert same(apply(document, left), apply(document, right))


def test_delete_then_create_is_more_than_a_merge_patch_can_say() -> None:
    composed = compose({"a": None}, {"a": {"y": 1}})
    assert apply({"a": {"z": 2}}, composed) == {"a": {"y": 1}}
    document, first = fold({"a": {"z": 2}}, {"a": None})
    _, second = fold(document, {"a": {"y": 1}})
    assert to_merge_patch(compose(first, second)) == {"a": {"z": None, "y": 1}}


@given(DOCUMENTS, PATCHES)
def test_fold_applies_and_says_what_it_did(document: Any, patch: Any) -> None:
    folded, grounded = fold(document, patch)
    assert same(folded, merge(document, patch))
    assert same(apply(document, grounded), folded)
    assert same(merge(document, to_merge_patch(grounded)), folded)


@given(DOCUMENTS, st.lists(PATCHES, min_size=1, max_size=6))
def test_a_chain_of_grounded_patches_is_one_plain_patch(document: Any, patches: list[Any]) -> None:
    grounded = []
    folded = document
    for patch in patches:
        folded, one = fold(folded, patch)
        grounded.append(one)
    for start in range(len(patches)):
        base = reduce(merge, patches[:start], document)
        plain = to_merge_patch(reduce(compose, grounded[start:]))
        assert same(merge(base, plain), folded)


@given(DOCUMENTS, PATCHES)
def test_what_is_not_touched_is_shared(document: Any, patch: Any) -> None:
    folded, _ = fold(document, patch)
    for key in document:
        if key not in patch:
            assert folded[key] is document[key]


HIDDEN = st.lists(st.sampled_from(["/a", "/a/b", "/*/pos", "/b/*/c", "/pos", "/c/a/b"]), max_size=3).map(tuple)


@given(HIDDEN, DOCUMENTS, st.lists(PATCHES, min_size=1, max_size=5))
def test_projection_commutes_with_folding(hidden: tuple[str, ...], document: Any, patches: list[Any]) -> None:
    audience = Audience("x", hidden)
    seen = audience.project_doc(document)
    composed: Any = {}
    folded = document
    for patch in patches:
        folded, grounded = fold(folded, patch)
        composed = compose(composed, grounded) if composed else grounded
    shown = audience.project_patch(composed)
    assert same(apply(seen, shown), audience.project_doc(folded))
    assert same(merge(seen, to_merge_patch(shown)), audience.project_doc(folded))


@given(VALUES)
def test_strip_nulls_gives_what_patches_can_speak_of(value: Any) -> None:
    assert same(strip_nulls(value), merge({}, value) if isinstance(value, dict) else value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def test_limits_are_exact() -> None:
    assert check_limits(nested(5), 5, 100) == 6
    with pytest.raises(PatchTooDeep):
        check_limits(nested(6), 5, 100)
    assert check_limits(list(range(9)), 5, 10) == 10
    with pytest.raises(PatchTooLarge):
        check_limits(list(range(10)), 5, 10)
    with pytest.raises(PatchTooLarge):
        check_limits([[1] * 10] * 10, 5, 100)

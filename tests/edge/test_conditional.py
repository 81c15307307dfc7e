"""Whether a peer holds a representation, by what it sends as If-None-Match."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from gateway.edge.conditional import holds


@pytest.mark.parametrize("etag", ['"a"', 'W/"a"'])
@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ([], False),
        ([""], False),
        (['"a"'], True),
        (['W/"a"'], True),
        (['"b", "a"'], True),
        (['"b",W/"a" , "c"'], True),
        (['"b"', '"a"'], True),
        (["*"], True),
        ([" * "], True),
        (['"b"'], False),
        (['"b,a"'], False),
        (['"*"'], False),
        (["a"], False),
        (['w/"b"'], False),
    ],
)
def test_weak_comparison(etag: str, sent: list[str], held: bool) -> None:
    assert holds(Headers(raw=[(b"if-none-match", one.encode("latin-1")) for one in sent]), etag) is held


def test_a_tag_with_a_comma_in_it_is_one_tag() -> None:
    assert holds(Headers({"if-none-match": '"x,y", "z"'}), '"x,y"')
    assert not holds(Headers({"if-none-match": '"x,"y""'}), '"y"')

"""Versions and positions: total parsing, order, and digests that name content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.errors import BadVersion
from gateway.model.version import UINT64_MAX, Position, Version, entry_digest, mix, roll

UINT64 = st.integers(0, UINT64_MAX)
POSITIONS = st.builds(Position, UINT64, UINT64)


@given(POSITIONS, st.integers(0, 2**32 - 1))
def test_text_round_trip(position: Position, digest: int) -> None:
    version = Version(position, digest)
    assert Version.parse(str(version)) == version
    assert Position.parse(str(position)) == position


@given(st.text(max_size=40))
def test_parsing_is_total(text: str) -> None:
    for parse in (Version.parse, Position.parse):
        try:
            assert str(parse(text)) == text
        except BadVersion:
            pass


@pytest.mark.parametrize(
    "text",
    ["", "7", "7-", "-1", "7-42", "7-42.", "7-42.9F3AC07E", "7-42.9f3ac07", "7-42.9f3ac07e0", "07-42.9f3ac07e",
     "7-+2.9f3ac07e", " 7-42.9f3ac07e", "7-42.9f3ac07e\n", "18446744073709551616-0.00000000", "٧-42.9f3ac07e"],
)  # fmt: skip
def test_what_is_not_a_version(text: str) -> None:
    with pytest.raises(BadVersion):
        Version.parse(text)


@given(POSITIONS, POSITIONS)
def test_order_is_that_of_the_stream(one: Position, other: Position) -> None:
    assert (one < other) == ((one.epoch, one.seq) < (other.epoch, other.seq))


@given(st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=6), st.data())
def test_another_history_has_another_digest(history: list[bytes], data: st.DataObject) -> None:
    def digest(entries: list[bytes]) -> int:
        rolled = 0
        for seq, raw in enumerate(entries):
            rolled = roll(rolled, entry_digest(Position(1, seq), 5, raw))
        return rolled

    index = data.draw(st.integers(0, len(history) - 1))
    changed = data.draw(st.binary(min_size=1, max_size=8).filter(lambda raw: raw != history[index]))
    rewritten = [*history[:index], changed, *history[index + 1 :]]
    assert digest(rewritten) != digest(history)


def test_an_entry_is_more_than_its_bytes() -> None:
    digests = {
        entry_digest(Position(1, 2), 3, b"x"),
        entry_digest(Position(1, 3), 3, b"x"),
        entry_digest(Position(2, 2), 3, b"x"),
        entry_digest(Position(1, 2), 4, b"x"),
        entry_digest(Position(1, 2), None, b"x"),
        entry_digest(Position(1, 2), 3, b"y"),
    }
    assert len(digests) == 6


@given(st.integers(0, 2**32 - 1))
def test_audiences_do_not_share_versions(digest: int) -> None:
    keys = [b"public||0", b"caster||0", b"public|/players/*/pos|0", b"public||1000"]
    assert len({mix(digest, key) for key in keys}) == len(keys)

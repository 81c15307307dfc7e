"""What members are found by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.finding import beginnings, elements, folded, is_found, member_found


def test_case_accents_and_spaces_make_no_difference() -> None:
    assert folded("  Kylian  MBAPPÉ ") == "kylian mbappe"
    assert folded("Straße") == "strasse"
    assert beginnings("p7", "Kylian Mbappé Lottin") == ["p7", "kylian mbappe lottin", "mbappe lottin", "lottin"]
    assert len(beginnings("p7", "a b c d e f")) == 5
    assert is_found("mbap", "p7", "Kylian Mbappé")
    assert not is_found("bappe", "p7", "Kylian Mbappé")


@given(member=st.text(min_size=1).filter(lambda one: "\0" not in one), name=st.text())
def test_whoever_is_in_the_index_is_found_by_it(member: str, name: str) -> None:
    assert {member_found(one) for one in elements(member, name)} == {member}
    assert folded(folded(name)) == folded(name)
    if wanted := folded(name):
        assert is_found(wanted, member, name)
        assert is_found(wanted[:1], member, name)

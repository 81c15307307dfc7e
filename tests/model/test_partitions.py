"""Partitions: everybody agrees on them, all are held, and a leaver's share is all that moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.partitions import PARTITIONS, partition_of, share_of

MEMBERS = st.sets(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=6)


@given(MEMBERS)
def test_every_partition_has_one_holder(members: set[str]) -> None:
    shares = [share_of(member, members) for member in members]
    assert sum(map(len, shares)) == PARTITIONS
    assert frozenset().union(*shares) == frozenset(range(PARTITIONS))


@given(MEMBERS)
def test_a_leaver_gives_and_nobody_else_does(members: set[str]) -> None:
    leaver = min(members)
    for member in members - {leaver}:
        assert share_of(member, members) <= share_of(member, members - {leaver})


def test_a_channel_stays_in_its_partition() -> None:
    assert [partition_of(name) for name in ("match:42", "lobby:matches", "board:kills.all")] == [5, 21, 53]

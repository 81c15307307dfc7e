"""Rendezvous hashing: everybody agrees, load is even, and only the leaver's channels move."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.ownership import owner_of, weight

CHANNELS = [f"match:{number}" for number in range(3000)]


def test_every_order_of_members_gives_the_same_owner() -> None:
    assert [owner_of(name, [0, 1, 2, 3]) for name in CHANNELS] == [owner_of(name, [3, 1, 0, 2]) for name in CHANNELS]


def test_nobody_owns_without_members() -> None:
    assert owner_of("match:1", []) is None


def test_channels_spread_evenly() -> None:
    shares = Counter(owner_of(name, range(4)) for name in CHANNELS)
    assert all(600 < shares[worker] < 900 for worker in range(4))


@given(st.sets(st.integers(0, 31), min_size=2, max_size=8), st.integers(0, 7))
def test_only_the_channels_of_a_leaver_move(members: set[int], which: int) -> None:
    leaver = sorted(members)[which % len(members)]
    for name in CHANNELS[:200]:
        before = owner_of(name, members)
        after = owner_of(name, members - {leaver})
        assert after == before or before == leaver


def test_weights_do_not_depend_on_the_process() -> None:
    assert weight("match:42", 1) == weight("match:42", 1)
    assert len({weight("match:42", worker) for worker in range(64)}) == 64

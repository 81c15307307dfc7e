"""Which member owns a name: rendezvous (highest random weight) hashing, for workers and channels, aggregators and partitions.

Every member computes the same answer from the same member list; when one leaves, only what it owned moves.
Source: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TypeVar

Member = TypeVar("Member", int, str)


def weight(name: str, member: int | str) -> int:
    """The weight of `member` for `name`: 64 bits, the same in every process."""
    return int.from_bytes(blake2b(f"{member}/{name}".encode(), digest_size=8).digest(), "big")


def owner_of(name: str, members: Iterable[Member]) -> Member | None:
    """The member that owns `name`; None when there is no member."""
    return max(members, key=lambda member: (weight(name, member), member), default=None)

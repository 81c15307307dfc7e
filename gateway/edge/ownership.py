"""Which worker of this machine owns a channel: rendezvous (highest random weight) hashing.

Every worker computes the same answer from the same member list; when one leaves, only its channels move.
Source: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b


def weight(channel: str, worker: int) -> int:
    """The weight of `worker` (its index) for `channel`: 64 bits, the same in every process."""
    return int.from_bytes(blake2b(f"{worker}/{channel}".encode(), digest_size=8).digest(), "big")


def owner_of(channel: str, members: Iterable[int]) -> int | None:
    """The index of the member that owns `channel`; None when there is no member."""
    return max(members, key=lambda worker: (weight(channel, worker), worker), default=None)

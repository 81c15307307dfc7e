"""How the work is divided: a channel belongs to a partition, a partition to one of the processes that live. Pure.

The number of partitions is the same for every process and version: it is part of the keys' meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from gateway.model.ownership import owner_of

PARTITIONS: Final = 64


def partition_of(channel: str) -> int:
    """The partition of a channel."""
    return crc32(channel.encode()) % PARTITIONS


def share_of(member: str, members: Iterable[str]) -> frozenset[int]:
    """The partitions that `member` is to hold when `members` live."""
    alive = sorted(members)
    return frozenset(number for number in range(PARTITIONS) if owner_of(f"partition {number}", alive) == member)

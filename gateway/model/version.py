"""Positions and versions: `7-42` names an entry of the stream, `7-42.9f3ac07e` the content up to it.

The digest is a 32-bit rolling hash over the entries of the epoch, mixed with the audience's key. Pure.
"""

from __future__ import annotations

import re
from zlib import crc32

import msgspec

from gateway.model.errors import BadVersion

POSITION_RE = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)
VERSION_RE = re.compile(r"((?:0|[1-9][0-9]{0,19})-(?:0|[1-9][0-9]{0,19}))\.([0-9a-f]{8})", re.ASCII)
UINT64_MAX = 2**64 - 1


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """An entry's id in the stream: the publisher's epoch and the entry's number in it, both 64-bit."""

    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @property
    def next(self) -> Position:
        """The position that follows in the same epoch."""
        return Position(self.epoch, self.seq + 1)

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position that `text` names.

        Raises:
            BadVersion
        """
        match = POSITION_RE.fullmatch(text)
        if match is None:
            raise BadVersion(text)
        epoch, seq = int(match[1]), int(match[2])
        if epoch > UINT64_MAX or seq > UINT64_MAX:
            raise BadVersion(text)
        return cls(epoch, seq)


class Version(msgspec.Struct, frozen=True, gc=False):
    """What a viewer holds: a position and the digest of all that was folded up to it."""

    position: Position
    digest: int

    def __str__(self) -> str:
        return f"{self.position.epoch}-{self.position.seq}.{self.digest:08x}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """The version that `text` names.

        Raises:
            BadVersion
        """
        match = VERSION_RE.fullmatch(text)
        if match is None:
            raise BadVersion(text)
        return cls(Position.parse(match[1]), int(match[2], 16))


def entry_digest(position: Position, t_ms: int | None, raw: bytes) -> int:
    """The digest of one entry: its id, its stamp and its bytes."""
    return crc32(raw, crc32(f"{position.epoch}-{position.seq}|{t_ms}|".encode()))


def roll(digest: int, entry: int) -> int:
    """The digest after one more entry; it starts from 0 with the first entry of an epoch."""
    return crc32(entry.to_bytes(4, "big"), digest)


def mix(digest: int, audience_key: bytes) -> int:
    """The digest as the audience sees it.

    CRC-32 is linear, so keying it by a prefix alone would keep differences between audiences constant; the digest goes
    in between.
    """
    return crc32(audience_key, crc32(digest.to_bytes(4, "big"), len(audience_key)))

"""How far boards are counted: what aggregators tell of their partitions, and what it makes of one board. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from gateway.model.names import id_of, kind_of
from gateway.model.partitions import PARTITIONS

NAMED_MAX = 100
"""Troubles of one partition that are told by name: what is told once a second has to be short."""


class Standing(msgspec.Struct, omit_defaults=True):
    """One partition.

    Args:
        as_of_ms: all that came before it is counted.
        told_ms: when this was said.
        generation: of the lease.
        troubles: channels of which something is missing, and why: gap, trimmed, recount, behind, unconfirmed.
        unnamed: further channels of which something is missing, beyond `NAMED_MAX`.
        missing: what of these channels is in neither their streams nor the history.
        broken: boards that cannot be written, and why.
    """

    as_of_ms: int
    told_ms: int
    generation: int = 0
    troubles: dict[str, str] = {}
    missing: dict[str, str] = {}
    broken: dict[str, str] = {}
    unnamed: int = 0

    def tell(self, channel: str, why: str, missing: str = "") -> None:
        """Something of the channel is not counted: by name as long as there is room, else as one more."""
        if len(self.troubles) >= NAMED_MAX:
            self.unnamed += 1
            return
        self.troubles[channel] = why
        if missing:
            self.missing[channel] = missing


def silent(standings: Mapping[int, Standing], now_ms: int, stale_ms: int) -> frozenset[int]:
    """The partitions that nobody keeps now, as far as is known: what they wrote before may hold no more.

    Args:
        stale_ms: after which a partition that was not told of has nobody.
    """
    told_ms = {number: standing.told_ms for number, standing in standings.items()}
    return frozenset(n for n in range(PARTITIONS) if n not in told_ms or now_ms - told_ms[n] > stale_ms)


def completeness(
    board: str, standings: Mapping[int, Standing], partitions: Iterable[int], now_ms: int, stale_ms: int
) -> tuple[bool, int]:
    """Whether the board has all that is known to have happened, and up to when.

    Args:
        partitions: whose channels may add to the board.
        stale_ms: a partition that was not told of for this is not known.
    """
    scope = board.partition(".")[2]
    match = scope.removeprefix("match.") if scope.startswith("match.") else None
    complete, as_of_ms = True, now_ms
    for number in partitions:
        standing = standings.get(number)
        if standing is None:
            return False, 0
        as_of_ms = min(as_of_ms, standing.as_of_ms)
        if now_ms - standing.told_ms > stale_ms or now_ms - standing.as_of_ms > stale_ms or board in standing.broken:
            complete = False
        if standing.unnamed:
            # Whose troubles these are is not told: they may be the board's own.
            complete = False
        for channel in standing.troubles:
            if match is None or (kind_of(channel) == "match" and id_of(channel) == match):
                complete = False
    return complete, as_of_ms

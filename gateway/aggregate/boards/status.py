"""How far this process's channels are counted, told about once a second, so that readers know what a board is worth.

A partition whose owner is gone is not told of any more: its time stands still, and boards say so.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from gateway.aggregate.boards.boards import Boards
from gateway.aggregate.boards.ledger import Ledger
from gateway.aggregate.boards.opening import GAP, RECOUNT, TRIMMED
from gateway.aggregate.folding import Folding
from gateway.aggregate.runner import Runner
from gateway.bus.base import Bus
from gateway.bus.errors import BusError
from gateway.model.standing import Standing
from gateway.observe import metrics
from gateway.observe.log import logger

TELL_EVERY_S, TELL_LATEST_S = 0.5, 2.0
TELL_SHARE = 100
"""Every channel is looked at: where there are many it is told less often, to take a hundredth of the time."""
BEHIND, UNCONFIRMED = "behind", "unconfirmed"
REASONS = (GAP, TRIMMED, RECOUNT, BEHIND, UNCONFIRMED)


class Status:
    """Tells of the partitions held.

    Args:
        stale_s: a channel that was not confirmed for this is a trouble.
        now_ms: the wall clock.
    """

    def __init__(
        self,
        runner: Runner,
        bus: Bus,
        folding: Folding,
        boards: Boards,
        ledger: Ledger,
        stale_s: float,
        now_ms: Callable[[], int],
    ) -> None:
        self._runner = runner
        self._bus = bus
        self._folding = folding
        self._boards = boards
        self._ledger = ledger
        self._stale_s = stale_s
        self._now_ms = now_ms
        self._as_of_ms: dict[str, int] = {}

    async def run(self) -> None:
        """Tells until cancelled."""
        loop, took_s = asyncio.get_running_loop(), 0.0
        while True:
            await asyncio.sleep(max(TELL_EVERY_S, min(TELL_LATEST_S, TELL_SHARE * took_s)))
            began_s = loop.time()
            standings = self.standings()
            took_s = loop.time() - began_s
            if standings:
                try:
                    await self._ledger.tell(
                        {number: msgspec.json.encode(standing) for number, standing in standings.items()}
                    )
                except BusError as error:
                    logger.info("status_not_told", error=type(error).__name__)

    def standings(self) -> Mapping[int, Standing]:
        """Each partition held: the time up to which all its channels are counted, and what is wrong."""
        now_ms = self._now_ms()
        found = {
            number: Standing(as_of_ms=now_ms, told_ms=now_ms, generation=generation)
            for number, generation in self._runner.held.items()
        }
        now_s = asyncio.get_running_loop().time()
        before, known = self._as_of_ms, {}
        streams, stale_ms = self._boards.streams, self._stale_s * 1000
        troubles, missing, reasons = self._boards.troubles.reasons, self._boards.troubles.missing, Counter[str]()
        caught_up, confirmed_s = self._folding.caught_up, self._bus.confirmed_s
        for number, names in self._runner.channels_held():
            standing = found[number]
            for name in names:
                stream = streams.get(name)
                if stream is None and not self._boards.counts(name):
                    continue
                # Counted up to when it was confirmed; stands still while something is pending or unconfirmed.
                as_of_ms = before.get(name, 0)
                settled = stream is not None and stream.settled and caught_up(name)
                if settled and (at_s := confirmed_s(name)) is not None:
                    as_of_ms = max(as_of_ms, now_ms - int((now_s - at_s) * 1000))
                known[name] = as_of_ms
                if as_of_ms < standing.as_of_ms:
                    standing.as_of_ms = as_of_ms
                trouble = troubles.get(name, "")
                if not trouble and now_ms - as_of_ms > stale_ms:
                    trouble = BEHIND if confirmed_s(name) is not None else UNCONFIRMED
                if trouble:
                    reasons[trouble] += 1
                    standing.tell(name, trouble, missing.get(name, ""))
        self._as_of_ms = known
        for reason in REASONS:
            metrics.BOARDS_INCOMPLETE.labels(reason).set(reasons[reason])
        for board, reason in self._boards.broken.items():
            for standing in found.values():
                standing.broken[board] = reason
        return found

"""Looks after boards: whether each still has what it had, and whether one that could not be written can be mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.aggregate.boards.ledger import Ledger
from gateway.aggregate.boards.opening import GAP, TRIMMED
from gateway.aggregate.boards.stream import UNWRITTEN, position_of
from gateway.bus.base import Bus
from gateway.bus.errors import BusError
from gateway.model.boards import WITH_LETTERS, Scopes, expires
from gateway.observe import metrics
from gateway.observe.log import logger

if TYPE_CHECKING:
    from gateway.aggregate.boards.boards import Boards

VERIFY_EVERY_S = 20.0
RETRY_BROKEN_S = 2.0
REQUESTS_EVERY_S = 1.0
MEND_EVERY_S = 5.0
MEND_AGAIN_S, MEND_AGAIN_MAX_S = 5.0, 300.0
"""How long a channel of which something is missing is let be until the history is asked for it again: twice as long each time."""
MENDED_AT_ONCE = 50
GONE = "its stream is gone"


class Care:
    """Looks now and then.

    Args:
        scopes: boards of matches and windows may be gone some time after their last change, and of other seasons at any.
        now_ms: the wall clock.
    """

    def __init__(self, boards: Boards, bus: Bus, ledger: Ledger, scopes: Scopes, now_ms: Callable[[], int]) -> None:
        self._boards = boards
        self._bus = bus
        self._ledger = ledger
        self._scopes = scopes
        self._now_ms = now_ms
        self._serving: dict[str, str] = {}
        self._verified_s = self._retried_s = self._asked_s = 0.0
        # When a channel is looked at again, and how long it was let be.
        self._waits: dict[str, tuple[float, float]] = {}

    def soon(self) -> None:
        """The store was away: whatever comes back is to be verified."""
        self._verified_s = 0.0

    async def look(self) -> None:
        """Does what is due.

        Raises:
            Unavailable
        """
        now_s = asyncio.get_running_loop().time()
        if self._boards.broken and now_s - self._retried_s > RETRY_BROKEN_S:
            self._retried_s = now_s
            await self._retry_broken()
        if now_s - self._verified_s > VERIFY_EVERY_S:
            await self.verify()
            self._verified_s = now_s
        if now_s - self._asked_s > REQUESTS_EVERY_S:
            self._asked_s = now_s
            await self._serve()

    async def mend_forever(self) -> None:
        """Counts channels anew of which something was missing, when the history has come to have it, until cancelled.

        Beside the writing: a history that does not answer holds no board.
        """
        while True:
            await asyncio.sleep(MEND_EVERY_S)
            try:
                await self._mend(asyncio.get_running_loop().time())
            except BusError as error:
                logger.info("boards_not_mended", error=type(error).__name__)

    async def _mend(self, now_s: float) -> None:
        missing = [name for name, why in self._boards.troubles.reasons.items() if why in (GAP, TRIMMED)]
        self._waits = {name: wait for name, wait in self._waits.items() if name in self._boards.streams}
        due = [name for name in missing if self._waits.get(name, (0.0, 0.0))[0] <= now_s]
        for name in due[:MENDED_AT_ONCE]:
            _, wait_s = self._waits.get(name, (0.0, MEND_AGAIN_S / 2))
            wait_s = min(2 * wait_s, MEND_AGAIN_MAX_S)
            self._waits[name] = now_s + wait_s, wait_s
            info = await self._bus.tail(name)
            if info is None or info.last_generated is None:
                continue
            survey = await self._boards.past.survey(name, info)
            if name not in self._boards.troubles.reasons:
                continue
            if survey.first is not None:
                self._boards.recount(name)
            else:
                self._boards.troubles.missing[name] = survey.missing

    async def _serve(self) -> None:
        """Counts anew what operators have asked for; a request is done when its channel is counted."""
        try:
            requests = await self._ledger.requests()
        except BusError as error:
            if error.temporary:
                raise
            logger.warning("requests_not_read", detail=str(error))
            return
        for channel, request in requests.items():
            stream = self._boards.streams.get(channel)
            if stream is None and self._boards.holds(channel) and await self._bus.tail(channel) is None:
                await self._ledger.served(channel, request, GONE)
                continue
            if stream is None or stream.busy or stream.replacement is not None:
                continue
            if self._serving.get(channel) == request:
                del self._serving[channel]
                await self._ledger.served(channel, request, self._boards.opening.left.pop(channel, ""))
            else:
                self._serving[channel] = request
                self._boards.ask(channel, request.startswith(WITH_LETTERS))

    async def _retry_broken(self) -> None:
        for board in list(self._boards.broken):
            if not await self._ledger.usable(board):
                continue
            self._boards.mend(board)
            await self._ledger.repair(board)
            for channel in [c for c, s in self._boards.streams.items() if s.expected.get(board) in UNWRITTEN]:
                self._boards.recount(channel)

    async def verify(self) -> None:
        """Looks whether every board still has what it had: a node of the store may have come back without it.

        Raises:
            Unavailable
        """
        async with self._boards.writing:
            pairs = [
                (board, channel, mark)
                for channel, stream in self._boards.streams.items()
                if not stream.busy and stream.replacement is None
                for board, mark in stream.expected.items()
                if mark not in UNWRITTEN and board not in self._boards.broken and not self._scopes.is_past(board)
            ]
            found = await self._ledger.board_marks([(board, channel) for board, channel, _ in pairs])
            for (board, channel, expected), mark in zip(pairs, found, strict=True):
                self._verified(board, channel, expected, mark)

    def _verified(self, board: str, channel: str, expected: str, mark: str | BusError) -> None:
        stream = self._boards.streams.get(channel)
        if stream is None or mark == expected or stream.expected.get(board) != expected:
            return
        if isinstance(mark, BusError):
            self._boards.break_(board, mark)
            return
        position, known = position_of(mark), position_of(expected)
        if position is not None and known is not None and position > known:
            return
        if not mark and expires(board) and self._now_ms() - stream.stamped_ms > self._scopes.kept_ms:
            stream.expected.pop(board, None)
            return
        if mark.startswith("recount") and not self._boards.waited(channel):
            return
        logger.warning("board_lost_updates", board=board, channel=channel)
        metrics.HISTORIES_LOST.labels("board").inc()
        self._boards.recount(channel)

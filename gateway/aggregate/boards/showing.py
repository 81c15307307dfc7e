"""Boards as channels: `board:{board}`, the top hundred by member, at most once a second, only what has changed.

One writer per board: the process that holds the partition of the board's channel. Taking a board over takes the next epoch of its
stream, so a process that does not know yet that it lost the board is refused by the store. The writer knows what it has written: a
store that came back without some of it gets the whole board in a new epoch: no change is put on a document that lacks the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.aggregate.boards.ledger import Ledger
from gateway.aggregate.lobby import difference
from gateway.aggregate.runner import Runner
from gateway.bus.board_reader import BoardReader
from gateway.bus.errors import BusError, Fenced
from gateway.bus.publisher import Publisher
from gateway.model.boards import board_channel, expires
from gateway.model.partitions import partition_of
from gateway.model.version import Position
from gateway.observe import metrics
from gateway.observe.log import logger

EVERY_S = 1.0
"""The shortest time between two messages of a board."""
LOOK_EVERY_S = 0.25
TOP = 100
BEAT_MS = 5_000
"""How often a board whose rows stay the same says up to when they hold."""
ACTIVE_MS = 60_000
"""A board that has not changed for this says it no more, and only tells when it becomes complete or incomplete."""
TAKE_OVER_MS = 600_000
"""Boards that have changed since are shown by a process that takes their partition over; others when they change."""
VERIFY_MS = 5_000
"""How often it is looked whether the store still has what was written last, as boards that do not change would not notice."""
REFUSED_MS = 5_000
"""When a board whose keys or stream cannot be written is tried again."""
STREAM_ENTRIES = 1000


@dataclass(slots=True)
class _Shown:
    """One board as it was published.

    Args:
        last: the newest entry of its stream.
        changed_ms: of the store's registry, at the last look.
    """

    last: Position
    changed_ms: int
    told_ms: int
    document: dict[str, Any] = field(default_factory=dict)


class Showing:
    """Publishes the boards of the partitions held.

    Args:
        publisher: with a short stream.
        kept_s: seconds after which the stream of a board that is let go is gone too.
        now_ms: the wall clock.
    """

    def __init__(
        self,
        runner: Runner,
        ledger: Ledger,
        reader: BoardReader,
        publisher: Publisher,
        kept_s: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._runner = runner
        self._ledger = ledger
        self._reader = reader
        self._publisher = publisher
        self._kept_s = kept_s
        self._now_ms = now_ms
        self._shown: dict[str, _Shown] = {}
        self._looked_ms: dict[int, int] = {}
        self._due: dict[str, int] = {}
        self._anew: dict[str, int] = {}
        self._refused_ms: dict[str, int] = {}
        self._verified_ms = 0

    async def run(self) -> None:
        """Publishes until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._round()
            except BusError as error:
                logger.info("boards_not_shown", error=type(error).__name__)
            await asyncio.sleep(max(0.05, LOOK_EVERY_S - (loop.time() - began_s)))

    async def _round(self) -> None:
        held = self._runner.held
        for board in [name for name in self._shown if partition_of(board_channel(name)) not in held]:
            del self._shown[board]
        self._due = {n: ms for n, ms in (self._due | self._anew).items() if partition_of(board_channel(n)) in held}
        self._anew = {}
        self._refused_ms = {name: ms for name, ms in self._refused_ms.items() if name in self._due}
        self._looked_ms = {number: ms for number, ms in self._looked_ms.items() if number in held}
        changed = await self._ledger.registry.changed(
            {number: self._looked_ms.get(number, self._now_ms() - TAKE_OVER_MS) for number in held}
        )
        for number, boards in changed.items():
            self._due.update(
                (board, changed_ms)
                for board, changed_ms in boards.items()
                if (shown := self._shown.get(board)) is None or shown.changed_ms != changed_ms
            )
            self._looked_ms[number] = max([*boards.values(), self._looked_ms.get(number, 0)])
        now_ms = self._now_ms()
        if now_ms - self._verified_ms >= VERIFY_MS:
            self._verified_ms = now_ms
            await self._verify()
        for board, changed_ms in list(self._due.items()):
            shown, refused_ms = self._shown.get(board), self._refused_ms.get(board)
            if (shown is None or now_ms - shown.told_ms >= EVERY_S * 1000) and (
                refused_ms is None or now_ms - refused_ms >= REFUSED_MS
            ):
                await self._apart(board, changed_ms, self._publish(board, changed_ms))
                self._due.pop(board)
        for board, shown in list(self._shown.items()):
            await self._apart(board, shown.changed_ms, self._beat(board, shown))

    async def _apart(self, board: str, changed_ms: int, work: Awaitable[None]) -> None:
        """Works on one board; one that cannot be shown lets the others be shown, and is tried again.

        Raises:
            Unavailable
        """
        try:
            await work
        except BusError as error:
            if error.temporary:
                raise
            if board not in self._refused_ms:
                logger.warning("board_not_shown", board=board, why=str(error))
            self._refused_ms[board] = self._now_ms()
            self._again(board, changed_ms)

    def _again(self, board: str, changed_ms: int) -> None:
        """The board is shown anew, in an epoch of its own."""
        self._shown.pop(board, None)
        self._anew[board] = changed_ms

    async def _verify(self) -> None:
        """Shows boards anew of which the store has lost the newest entry."""
        gone_ms = self._now_ms() - self._kept_s * 1000
        for board in [name for name, shown in self._shown.items() if expires(name) and shown.changed_ms < gone_ms]:
            del self._shown[board]
        boards = {board_channel(name): name for name in self._shown}
        for channel, newest in (await self._publisher.newest(boards)).items():
            shown = self._shown[boards[channel]]
            if newest is None or newest < shown.last:
                self._lost(boards[channel], shown)

    def _lost(self, board: str, shown: _Shown) -> None:
        logger.warning("board_lost_entries", board=board, after=str(shown.last))
        metrics.HISTORIES_LOST.labels("board channel").inc()
        self._again(board, shown.changed_ms)

    async def _publish(self, board: str, changed_ms: int) -> None:
        page = await self._reader.page(board, 0, TOP)
        complete, as_of_ms = await self._reader.standing(board)
        document = {
            "board": board,
            "complete": complete and not page.broken,
            "as_of_ms": as_of_ms,
            "total": page.total,
            "rows": {
                row.member: {"rank": row.rank, "points": row.points, **({"name": row.name} if row.name else {})}
                for row in page.rows
            },
        }
        shown = self._shown.get(board)
        if shown is None:
            await self._open(board, changed_ms, document)
        elif await self._append(board, shown, document):
            shown.changed_ms = changed_ms
        self._refused_ms.pop(board, None)

    async def _open(self, board: str, changed_ms: int, document: dict[str, Any]) -> None:
        channel = board_channel(board)
        epoch = await self._publisher.new_epoch(channel)
        now_ms = self._now_ms()
        reset = msgspec.json.encode({"op": "reset", "state": document})
        try:
            last = await self._publisher.append(channel, epoch, reset, now_ms)
        except Fenced:
            return
        if expires(board):
            await self._publisher.expire(channel, self._kept_s)
        metrics.BOARDS_SHOWN.inc()
        self._shown[board] = _Shown(last, changed_ms, now_ms, document)

    async def _append(self, board: str, shown: _Shown, document: dict[str, Any]) -> bool:
        """Writes what has changed; whether all that was written before is there as well."""
        patch = difference(shown.document, document)
        if not patch:
            return True
        now_ms = self._now_ms()
        event = msgspec.json.encode({"op": "rows", "patch": patch})
        try:
            last, whole = await self._publisher.append_behind(board_channel(board), shown.last, event, now_ms)
        except Fenced:
            logger.info("board_refused", board=board, why="another writer has a higher epoch")
            del self._shown[board]
            return False
        metrics.BOARDS_SHOWN.inc()
        if not whole:
            self._lost(board, shown)
            return False
        shown.last, shown.document, shown.told_ms = last, document, now_ms
        return True

    async def _beat(self, board: str, shown: _Shown) -> None:
        """Nothing has changed but what the rows are worth."""
        complete, as_of_ms = await self._reader.standing(board)
        now_ms = self._now_ms()
        active = now_ms - shown.changed_ms < ACTIVE_MS and now_ms - shown.told_ms >= BEAT_MS
        if now_ms - shown.told_ms >= EVERY_S * 1000 and (complete != shown.document["complete"] or active):
            await self._append(board, shown, {**shown.document, "complete": complete, "as_of_ms": as_of_ms})

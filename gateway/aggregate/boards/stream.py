"""One stream as the boards count it: what is not written yet, the watermark of each board, and corrections. Sans-IO.

A board's watermark is moved only from the value expected here. Another value is either further on in the same history (another
process has written: what it has is left out), or it shows that the board has lost something, or has counted what the stream has
lost: then all that the stream has added is counted anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping

from gateway.aggregate.boards.ledger import Increment
from gateway.aggregate.boards.tally import Counted, Groups, Tallies, Tally, merge, merge_all, spread
from gateway.model.errors import BadVersion
from gateway.model.version import Position, Version

SKIPPED = "!skipped"
"""Watermark of a board that could not be written while the stream went on: it equals none that a board has."""
VOIDED = "!voided"
"""The same of one that a void could not be taken from: it is to be, whatever it belongs to."""
UNWRITTEN = frozenset({SKIPPED, VOIDED})


class Stream:
    """What is known of one stream.

    Args:
        confirmed: up to this watermark every board has all; "" for none.
        expected: watermark by board.
        recount_to: count the stream anew up to here (the reading begins at its beginning), then correct all boards.
    """

    def __init__(
        self, channel: str, confirmed: str, expected: dict[str, str], recount_to: Position | None = None
    ) -> None:
        self.channel = channel
        self.confirmed = confirmed
        self.expected = expected
        self.pending: deque[Counted] = deque()
        self.replacement: Groups | None = {} if recount_to is not None else None
        self.busy = False
        self._counted_to = position_of(confirmed)
        self._voided = False
        # Of the correction in work: a void has come since the last.
        self._taking_back = False
        self._seen_mark = "" if recount_to is not None else confirmed
        self._newest: Counted | None = None
        self.stamped_ms = 0
        self._dirty: set[str] = set()
        self._until = recount_to
        self._seen = None if recount_to is not None else position_of(confirmed)

    @property
    def seen(self) -> str:
        """The watermark of the newest entry taken."""
        return self._newest.mark if self._newest is not None else self._seen_mark

    @property
    def seen_position(self) -> Position | None:
        """The newest entry taken, or known to be counted."""
        return self._seen

    @property
    def ready(self) -> bool:
        """Whether the correction has everything that it needs."""
        return self.replacement is not None and not self.busy and not self.recounts

    @property
    def recounts(self) -> bool:
        """Whether what comes now is known to be all that there was."""
        return self._until is not None and (self._seen is None or self._seen < self._until)

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be written."""
        return not self.pending and not self.busy and self.replacement is None

    def take(self, counted: Counted) -> None:
        """The next entry; one that all boards have already is left out."""
        if self._seen is not None and counted.position <= self._seen:
            return
        self._seen, self._newest = counted.position, counted
        if counted.void:
            # Also the boards of what is taken back are corrected: another process may be about to add it.
            groups = {boards for one in self.pending for boards in one.groups} | (self.replacement or {}).keys()
            self.pending.clear()
            self.replacement = {boards: {} for boards in groups}
            self._until = max(self._until or counted.position, counted.position)
            # One that was counted before has taken back what it had to.
            self._voided |= self._counted_to is None or counted.position > self._counted_to
        elif self.replacement is not None:
            merge_all(self.replacement, [counted])
        elif counted.groups:
            self.pending.append(counted)

    # -- increments --------------------------------------------------------------------------------------------

    def unknown(self) -> set[str]:
        """Boards that this stream has never added to: remembered before the first increment, so that a correction finds them."""
        groups: set[tuple[str, ...]] = set(self.replacement or ()) if self.ready else set()
        for counted in self.pending:
            groups.update(counted.groups)
        return {board for boards in groups for board in boards if board not in self.expected}

    def introduced(self, boards: Collection[str]) -> None:
        """These boards are remembered."""
        for board in boards:
            self.expected.setdefault(board, "")

    def increments(self, but: Collection[str]) -> list[Increment]:
        """What is to be added now, to all boards but those that cannot be written."""
        if not self.pending:
            return []
        groups: Groups = {}
        merge_all(groups, self.pending)
        first, after = self.pending[0].position, self.pending[-1].mark
        found = []
        for board, tally in spread(groups).items():
            if board in but:
                continue
            expected = self.expected.get(board, "")
            floor = position_of(expected)
            if floor is not None and floor >= first:
                # It has a part of these entries already.
                tally = self._after(board, floor)
                if not tally:
                    continue
            found.append(Increment(board, self.channel, expected, after, tally))
        return found

    def _after(self, board: str, floor: Position) -> Tally:
        """What the entries after that one add to one board."""
        total: Tally = {}
        for counted in self.pending:
            if counted.position > floor:
                for boards, tally in counted.groups.items():
                    if board in boards:
                        merge(total, tally)
        return total

    def answered(self, increment: Increment, mark: str) -> str:
        """What became of an increment: `done`, `again` (left to be added, from another watermark), `wait`, or `lost`."""
        if mark == increment.after:
            self._expect(increment.board, mark)
            return "done"
        found, expected = position_of(mark), position_of(increment.expected)
        if found is None:
            return "wait" if mark.startswith("recount") else "lost"
        if increment.expected and (expected is None or found <= expected):
            return "lost"
        if self._seen is not None and found > self._seen:
            return "wait"
        if any(counted.mark == mark for counted in self.pending):
            self._expect(increment.board, mark)
            return "again"
        return "lost"

    def skip(self, board: str) -> None:
        """The board cannot be written: it is corrected when it can."""
        if self.expected.get(board) not in UNWRITTEN:
            self._expect(board, SKIPPED)

    def _expect(self, board: str, mark: str) -> None:
        self.expected[board] = mark
        self._dirty.add(board)

    def changed(self) -> set[str]:
        """The boards whose watermark has moved since it was recorded."""
        return set(self._dirty)

    def recorded(self, marks: Mapping[str, str]) -> None:
        """These watermarks are remembered in the store."""
        self._dirty = {board for board in self._dirty if self.expected.get(board) != marks.get(board)}

    def wrote(self, up_to: str) -> None:
        """All boards have everything up to this watermark (or are to be corrected)."""
        position = position_of(up_to)
        while self.pending and position is not None and self.pending[0].position <= position:
            self.pending.popleft()
        if not self.pending:
            self.confirmed = self.seen
        else:
            self.confirmed = up_to

    # -- corrections -------------------------------------------------------------------------------------------

    def correction(self, is_past: Callable[[str], bool]) -> tuple[Tallies, str]:
        """What the stream adds in all, to every board that has ever had something of it, and the watermark then.

        Args:
            is_past: a board that what is counted anew is not told to belong to: it stays as it is. A void that has come since
                takes all of the stream from it, too.
        """
        assert self.replacement is not None
        tallies: Tallies = {}
        for board, mark in list(self.expected.items()):
            if self._voided or mark == VOIDED or not is_past(board):
                tallies[board] = {}
            elif mark == SKIPPED:
                self._expect(board, "")
        tallies.update(spread(self.replacement))
        self.busy, self.replacement, self._until = True, None, None
        self._taking_back, self._voided = self._voided, False
        return tallies, self.seen

    def corrected(self, tallies: Tallies, mark: str, failed: set[str]) -> None:
        """The correction is written."""
        self.busy = False
        for board in tallies:
            if board not in failed:
                self._expect(board, mark)
            else:
                taken_back = self._taking_back or self.expected.get(board) == VOIDED
                self._expect(board, VOIDED if taken_back else SKIPPED)
        if not self.pending:
            self.confirmed = self.seen
        else:
            self.confirmed = mark


def position_of(mark: str) -> Position | None:
    """The position of a watermark; None for one that names no entry."""
    try:
        return Version.parse(mark).position
    except BadVersion:
        return None

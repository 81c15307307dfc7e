"""How the counting of a stream begins: where the last one ended, or anew where the boards do not have what the stream tells.

A stream that does not have all its entries any more is counted anew together with the history; where a part is in neither,
boards keep what they have, say that they are incomplete, and go on.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.aggregate.boards.ledger import Ledger
from gateway.aggregate.boards.past import Past, first_of
from gateway.aggregate.boards.stream import UNWRITTEN, Stream, position_of
from gateway.aggregate.boards.surviving import Survey
from gateway.aggregate.boards.tally import mark_of
from gateway.bus.base import Bus, StreamInfo
from gateway.model.errors import BadVersion
from gateway.model.version import Position, Version
from gateway.observe import metrics
from gateway.observe.log import logger

GAP, TRIMMED, RECOUNT = "gap", "trimmed", "recount"
"""What is wrong with a channel: entries are missing; so is its beginning, and boards are wrong; it is being counted anew."""
TROUBLE = "!"
"""The field of a stream's marks that says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a channel's folding is to begin.

    Args:
        after: not after this position; the boards have all before it. None: from the stream's beginning.
        first: the channel's first entry, where it is counted anew; the stream may have it no longer.
        letters: its dead letters are tried again.
    """

    after: Position | None
    first: Position | None = None
    letters: bool = False


class Troubles:
    """What is wrong with this process's channels.

    Attributes:
        reasons: by channel.
        missing: what is in neither stream nor history, as far as that is known.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def set(self, channel: str, reason: str, missing: str = "") -> None:
        """Something is wrong; told once."""
        if missing:
            self.missing[channel] = missing
        if self.reasons.get(channel) != reason:
            self.reasons[channel] = reason
            logger.warning("boards_incomplete", channel=channel, reason=reason, missing=self.missing.get(channel, ""))

    def clear(self, channel: str) -> None:
        """Nothing is, or it is another process's channel."""
        self.reasons.pop(channel, None)
        self.missing.pop(channel, None)


class Opening:
    """Decides how a stream's counting begins.

    Args:
        past: what of it is in the history.

    Attributes:
        left: channels that were left alone although an operator asked for them, and what of them is missing.
    """

    def __init__(self, bus: Bus, ledger: Ledger, past: Past, troubles: Troubles) -> None:
        self._past = past
        self._bus = bus
        self._ledger = ledger
        self._troubles = troubles
        self._lost: set[str] = set()
        self._asked: dict[str, bool] = {}
        self.left: dict[str, str] = {}

    def recount(self, channel: str) -> None:
        """The channel is to be counted anew: its boards are wrong."""
        self._lost.add(channel)

    def ask(self, channel: str, letters: bool) -> None:
        """An operator wants it to be counted anew; it is left alone where a part of it is gone.

        Args:
            letters: its dead letters are tried again.
        """
        self._asked[channel] = letters

    def recounted(self, channel: str) -> None:
        """It is."""
        self._lost.discard(channel)
        self._asked.pop(channel, None)
        self.left.pop(channel, None)

    async def begin(self, channel: str, info: StreamInfo) -> tuple[Begin, Stream]:
        """Reads what is known of the stream.

        Raises:
            BusError
        """
        marks = await self._ledger.marks_of_stream(channel)
        confirmed, trouble = marks.pop("", ""), marks.pop(TROUBLE, "")
        last, known = info.last_generated, position_of(confirmed)
        assert last is not None
        self._troubles.clear(channel)
        skipped = not UNWRITTEN.isdisjoint(marks.values())
        lost = channel in self._lost or skipped or not await self._fits(channel, confirmed, info)
        asked = channel in self._asked
        unread = _unread(known, info)
        if lost or asked or unread or trouble:
            survey = await self._past.survey(channel, info)
            if survey.first is not None:
                if lost or unread or trouble:
                    self._troubles.set(channel, RECOUNT)
                metrics.RECOUNTS.inc()
                logger.info("recount_begun", channel=channel, entries=info.length, first=str(survey.first))
                return Begin(None, survey.first, self._asked.get(channel, False)), Stream(
                    channel, confirmed, marks, recount_to=last
                )
            self._leave(channel, survey, asked)
            if lost:
                await self._adopt(channel, marks)
                self._troubles.set(channel, TRIMMED, survey.missing)
            elif trouble or unread:
                self._troubles.set(channel, trouble or GAP, survey.missing)
        if known is not None and known > last:
            confirmed, known = "", None
        return Begin(known), Stream(channel, confirmed, marks)

    def _leave(self, channel: str, survey: Survey, asked: bool) -> None:
        """A part is gone: boards keep what they have."""
        self.recounted(channel)
        if asked:
            self.left[channel] = survey.missing

    async def _fits(self, channel: str, confirmed: str, info: StreamInfo) -> bool:
        """Whether the stream has the entry up to which the boards have all, or has trimmed it."""
        if not confirmed:
            return True
        try:
            version = Version.parse(confirmed)
        except BadVersion:
            return False
        assert info.last_generated is not None
        if version.position > info.last_generated:
            return False
        entries = await self._bus.read(channel, version.position, version.position, 1)
        if entries:
            return mark_of(entries[0]) == confirmed
        return info.first is None or info.first > version.position

    async def _adopt(self, channel: str, marks: dict[str, str]) -> None:
        """Boards keep what they have, and the counting goes on from there."""
        boards = list(marks)
        found = await self._ledger.board_marks([(board, channel) for board in boards])
        marks.update((board, mark) for board, mark in zip(boards, found, strict=True) if isinstance(mark, str))


def _unread(known: Position | None, info: StreamInfo) -> bool:
    """Whether entries may have been trimmed unread; within an epoch, the numbers tell that when the stream is read."""
    first = first_of(info)
    if known is None:
        return not info.whole
    return first > known and first.epoch != known.epoch

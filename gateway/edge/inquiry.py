"""Inquiries of a follower: how to go on from versions that its own view has never had.

Asks the owner as a viewer would, by a watch with `since` on a link of its own, one version of a channel at a time.
Keeps the answers for a while; knows nothing of the viewers that wait for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gateway.edge.link import Link
from gateway.edge.links import Links
from gateway.model.messages import Delta, ErrorMessage, ServerMessage, Snapshot, Tick

ANSWERS_MAX = 64
"""Versions whose answers are kept, and versions that may wait for one; beyond, the shared snapshot is cheaper."""


class Inquiry:
    """Asks about one audience of one channel.

    Args:
        open_link: the link to the owner, when there is something to ask.
        on_answer: called after each answer.
    """

    def __init__(
        self, channel: str, links: Links, open_link: Callable[[], Link], on_answer: Callable[[], None]
    ) -> None:
        self._channel = channel
        self._links = links
        self._open_link = open_link
        self._on_answer = on_answer
        self._link: Link | None = None
        self._waiting: deque[str] = deque()
        self._answers: dict[str, Delta | None] = {}

    def ask(self, since: str) -> bool:
        """Asks, unless it has been asked already; False when too many versions wait for an answer."""
        if since in self._waiting:
            return True
        if len(self._waiting) >= ANSWERS_MAX:
            return False
        self._answers.pop(since, None)
        self._waiting.append(since)
        if self._link is None:
            self._link = self._open_link()
            self._link.watch(self._channel, self)
        return True

    def answered(self, since: str) -> bool:
        """Whether the owner has said how to go on from `since`."""
        return since in self._answers

    def delta(self, since: str) -> Delta | None:
        """The owner's answer: a delta from `since`, or None where it would give a snapshot."""
        return self._answers.get(since)

    def stop(self) -> None:
        """Ends asking."""
        self._waiting.clear()
        self._answers.clear()
        self._rest()

    @property
    def since(self) -> str | None:
        """The version that is asked about now."""
        return self._waiting[0] if self._waiting else None

    def on_message(self, message: ServerMessage, _payload: bytes) -> None:
        """The owner's answer; what the watch before it still brings is passed over."""
        since = self.since
        match message:
            case Delta() if message.from_ == since:
                self._answer(since, message)
            case Tick() if message.version == since:
                # The newest version: the view has it by the time that this is read, or will soon.
                self._answer(since, None)
            case Snapshot() | ErrorMessage() if since is not None:
                self._answer(since, None)

    def _answer(self, since: str, delta: Delta | None) -> None:
        if len(self._answers) >= ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]
        self._answers[since] = delta
        self._waiting.popleft()
        if self._waiting and self._link is not None:
            self._link.again(self._channel)
        else:
            self._rest()
        self._on_answer()

    def _rest(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.unwatch(self._channel)
            self._links.release(link)


__all__ = ["Inquiry"]

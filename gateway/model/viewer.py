"""The rules of a viewer, sans-IO: which message is applied, which is a duplicate, and when to ask again. Any client's core."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any

from gateway.model.messages import Delta, ServerMessage, Snapshot, Status, Tick
from gateway.model.patch import apply


class Action(Enum):
    """What a message means to the viewer."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    RESYNC = "resync"
    NOTED = "noted"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Malformed:
    """What was heard and is no message of the protocol.

    Attributes:
        detail: what is wrong with it.
    """

    detail: str


Heard = ServerMessage | Malformed


class ViewerState:
    """One channel as a viewer holds it.

    Args:
        feed_entries: events kept.
    """

    def __init__(self, feed_entries: int = 200) -> None:
        self.doc: dict[str, Any] = {}
        self.version: str | None = None
        self.status = "live"
        self.behind_ms = 0
        self.skipped = 0
        self.feed: deque[dict[str, Any]] = deque(maxlen=feed_entries)
        self._anew = False

    @property
    def since(self) -> str | None:
        """The version to go on from, as it is asked for; None for a snapshot."""
        return None if self._anew else self.version

    def receive(self, message: Heard) -> Action:
        """Takes a message of this channel. RESYNC and MALFORMED mean: ask again with `since`, or take the snapshot over HTTP.

        After what could not be read that is for a snapshot: the same again would not help.
        """
        action = self._take(message)
        if action is Action.MALFORMED:
            self._anew = True
        elif action is Action.APPLIED or (action is Action.NOTED and isinstance(message, Tick)):
            self._anew = False
        return action

    def _take(self, message: Heard) -> Action:
        match message:
            case Snapshot():
                self.doc, self.version, self.status = message.state, message.version, message.status
                self.feed.clear()
                self.feed.extend(message.feed)
                return Action.APPLIED
            case Delta():
                if self.version is not None and message.from_ == self.version:
                    self.doc = apply(self.doc, message.patch)
                    self.version = message.version
                    self.feed.extend(message.events)
                    self.skipped += message.skipped
                    return Action.APPLIED
                return Action.DUPLICATE if message.version == self.version else Action.RESYNC
            case Tick():
                return Action.NOTED if message.version == self.version else Action.RESYNC
            case Status():
                self.status, self.behind_ms = message.status, message.behind_ms
                return Action.NOTED
            case Malformed():
                return Action.MALFORMED
        return Action.NOTED

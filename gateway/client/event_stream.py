"""A parser of event streams (WHATWG HTML, section 9.2.6), sans-IO: bytes in, events out, however they are cut."""

from __future__ import annotations

from dataclasses import dataclass

MAX_EVENT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: its data, and the id that the stream has reached with it."""

    data: str
    last_id: str


class EventTooLarge(Exception):
    """An event is larger than this client takes."""


class EventStreamParser:
    """Takes a stream's bytes piece by piece.

    Args:
        max_event_bytes: an event (and any line) may be this long.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._rest = b""
        self._data: list[str] = []
        self._size = 0
        self._last_id = ""
        self._begun = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that are whole now.

        Raises:
            EventTooLarge
        """
        self._rest += data
        events: list[StreamEvent] = []
        start = 0
        while (end := self._line_end(start)) is not None:
            line, start = self._rest[start : end[0]], end[1]
            if not self._begun:
                line = line.removeprefix(b"\xef\xbb\xbf")
                self._begun = True
            self._size += len(line)
            event = self._line(line.decode("utf-8", "replace"))
            if event is not None:
                events.append(event)
            self._check(0)
        self._rest = self._rest[start:]
        self._check(len(self._rest))
        return events

    def _line_end(self, start: int) -> tuple[int, int] | None:
        """Where the line ends and the next begins; a CR at the very end may still become CRLF."""
        line_feed, carriage = self._rest.find(b"\n", start), self._rest.find(b"\r", start)
        if carriage < 0 or 0 <= line_feed < carriage:
            return (line_feed, line_feed + 1) if line_feed >= 0 else None
        if carriage + 1 == len(self._rest):
            return None
        return carriage, carriage + 2 if self._rest[carriage + 1] == 0x0A else carriage + 1

    def _line(self, line: str) -> StreamEvent | None:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return StreamEvent("\n".join(data), self._last_id) if data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._last_id = value
        return None

    def _check(self, more: int) -> None:
        if self._size + more > self._max_event_bytes:
            raise EventTooLarge(f"more than {self._max_event_bytes} bytes")

"""The parser once more, in plain Python and as the RFC reads: the yardstick of the native one. Slow and obvious."""

from __future__ import annotations

from typing import Any

from tests.native.inflate_twin import TooBig, inflate

CONTROL = {8: "close", 9: "ping", 10: "pong"}
Event = tuple[Any, ...]

# One of these makes any beginning of a text whole.
ENDINGS = [bytes([byte]) * count for byte in (0x80, 0x90, 0xA0) for count in range(4)]


class Wrong(Exception):
    """The connection is to be failed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Twin:
    """Takes bytes, gives events, as native.parser.Parser does."""

    def __init__(
        self,
        max_message_bytes: int,
        max_fragments: int,
        max_frame_bytes: int | None = None,
        deflate: bool = False,
        max_inflate_ratio: int = 100,
    ) -> None:
        self.max_message_bytes = max_message_bytes
        self.max_fragments = max_fragments
        self.max_frame_bytes = max_message_bytes if max_frame_bytes is None else max_frame_bytes
        self.deflate = deflate
        self.max_inflate_ratio = max_inflate_ratio
        self.compressed = False
        self.held = b""
        self.message: bytes | None = None
        self.opcode = 0
        self.fragments = 0
        self.ended = False

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        self.held += data
        try:
            while not self.ended and (frame := self.frame()) is not None:
                event = self.take(*frame)
                if event is not None:
                    events.append(event)
                    self.ended = event[0] == "close"
        except Wrong as wrong:
            events.append(("fail", wrong.code))
            self.ended = True
        return events

    def frame(self) -> tuple[bool, int, bytes] | None:
        data = self.held
        if len(data) < 2:
            return None
        final, opcode, size = bool(data[0] & 0x80), data[0] & 0x0F, data[1] & 0x7F
        compressed = bool(data[0] & 0x40)
        if data[0] & 0x30 or not data[1] & 0x80 or opcode not in (0, 1, 2, 8, 9, 10):
            raise Wrong(1002)
        if compressed and not (self.deflate and opcode in (1, 2)):
            raise Wrong(1002)
        if opcode >= 8 and (not final or size > 125):
            raise Wrong(1002)
        if opcode < 8 and (opcode == 0) != (self.message is not None):
            raise Wrong(1002)
        at = {126: 4, 127: 10}.get(size, 2)
        if len(data) < at:
            return None
        if size >= 126:
            least = 126 if size == 126 else 65536
            size = int.from_bytes(data[2:at], "big")
            if not least <= size < 1 << 63:
                raise Wrong(1002)
        if opcode < 8:
            if size > self.max_frame_bytes or size + len(self.message or b"") > self.max_message_bytes:
                raise Wrong(1009)
            if (not final or opcode == 0) and self.fragments >= self.max_fragments:
                raise Wrong(1008)
        if len(data) < at + 4:
            return None
        if opcode in (1, 2):
            self.opcode, self.compressed = opcode, compressed
        mask, payload = data[at : at + 4], data[at + 4 : at + 4 + size]
        plain = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        if opcode < 8 and self.opcode == 1 and not self.compressed:
            self.text((self.message or b"") + plain, final and len(payload) == size)
        if len(payload) < size:
            return None
        self.held = data[at + 4 + size :]
        return final, opcode, plain

    def take(self, final: bool, opcode: int, payload: bytes) -> Event | None:
        if opcode == 8:
            return self.closing(payload)
        if opcode > 8:
            return CONTROL[opcode], payload
        whole = (self.message or b"") + payload
        if not final:
            self.message = whole
            self.fragments += 1
            return None
        self.message, self.fragments = None, 0
        if self.compressed:
            try:
                whole = inflate(whole, min(self.max_message_bytes, len(whole) * self.max_inflate_ratio + 1024))
            except TooBig:
                raise Wrong(1009) from None
            except ValueError:
                raise Wrong(1007) from None
            if self.opcode == 1:
                self.text(whole)
        return "message", self.opcode, whole

    def closing(self, payload: bytes) -> Event:
        if not payload:
            return "close", 1005, b""
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or code < 1000 or 1014 < code < 3000 or code > 4999 or code in (1004, 1005, 1006):
            raise Wrong(1002)
        self.text(payload[2:])
        return "close", code, payload[2:]

    @staticmethod
    def text(data: bytes, whole: bool = True) -> None:
        """Text, or with `whole` False what may be the beginning of some."""
        for missing in (b"",) if whole else ENDINGS:
            try:
                (data + missing).decode("utf-8", "strict")
            except UnicodeDecodeError:
                continue
            return
        raise Wrong(1007)

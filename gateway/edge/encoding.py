"""The forms in which a message leaves the gateway, compressed or not, and the frames of each.

A frame is made once for each (audience, encoding) and shared by all its viewers; nothing here knows a connection.
"""

from __future__ import annotations

from enum import IntEnum

from gateway.edge.extensions import FULL_WINDOW_BITS, SMALL_WINDOW_BITS
from gateway.model.messages import ServerMessage, encode_json, encode_msgpack
from gateway.settings.tree import DeflateSettings
from native.deflate import Deflater
from native.frames import Frame, join_frames, raw_frame, ws_frame


class Encoding(IntEnum):
    """How a viewer reads messages: a form, with the window of the compression above its two bits.

    The number is kept in the connection's grant word (ENCODING_BITS).
    """

    JSON = 0
    MSGPACK = 1
    SSE = 2
    SIBLING = 3
    """JSON to another worker of this machine: fed before all viewers, as it has a crowd of its own to send to."""
    JSON_DEFLATE = 4
    MSGPACK_DEFLATE = 5
    JSON_DEFLATE_SMALL = 8
    MSGPACK_DEFLATE_SMALL = 9

    @property
    def payload_form(self) -> Encoding:
        """JSON or MSGPACK: encodings that share it carry the same bytes inside."""
        return Encoding.MSGPACK if self & 3 == Encoding.MSGPACK else Encoding.JSON

    @property
    def window_bits(self) -> int:
        """The window of the compression, 0 without one."""
        return (0, FULL_WINDOW_BITS, SMALL_WINDOW_BITS)[self >> 2]

    def compressed(self, window_bits: int) -> Encoding:
        """The same form under permessage-deflate with that window."""
        return Encoding(self | (1 if window_bits == FULL_WINDOW_BITS else 2) << 2)


ENCODING_BITS = 4

LARGE_BYTES = 65_536
"""A longer message is compressed at level 1: a third of the time, and a few per cent of its length more."""

SUBPROTOCOLS = {"grandstand.v1.json": Encoding.JSON, "grandstand.v1.msgpack": Encoding.MSGPACK}

# Ends the chunked body of a stream (RFC 9112 section 7.1).
LAST_CHUNK = b"0\r\n\r\n"


def sse_chunk(payload: bytes, version: str | None) -> bytes:
    """One event of an event stream (WHATWG HTML, "Server-sent events") as one HTTP/1.1 chunk.

    `payload` is JSON without line breaks; `version` becomes the event's id, which a browser sends back
    as Last-Event-ID.
    """
    event = b"data: " + payload + b"\n\n"
    if version is not None:
        event = b"id: " + version.encode() + b"\n" + event
    return b"%x\r\n%b\r\n" % (len(event), event)


def version_of(message: ServerMessage) -> str | None:
    """The version that a viewer holds after `message`; None when it does not move the version."""
    return getattr(message, "version", None)


def payload_of(message: ServerMessage, form: Encoding) -> bytes:
    """The message as JSON or MessagePack."""
    return encode_msgpack(message) if form is Encoding.MSGPACK else encode_json(message)


class Encoder:
    """Makes the frames of one worker; owns its compressors: for each window one, and one for large messages."""

    def __init__(self, settings: DeflateSettings) -> None:
        self._deflaters = {
            (bits, large): Deflater(
                level=1 if large else settings.level,
                window_bits=bits,
                min_bytes=settings.min_bytes,
                max_bytes=settings.max_bytes,
            )
            for bits in (FULL_WINDOW_BITS, SMALL_WINDOW_BITS)
            for large in (False, True)
        }

    def frame(self, message: ServerMessage, encoding: Encoding, payload: bytes | None = None) -> Frame:
        """The shared frame of `message`; `payload`, in the encoding's form, saves encoding again what is encoded already."""
        if payload is None:
            payload = payload_of(message, encoding.payload_form)
        if encoding is Encoding.SSE:
            return raw_frame(sse_chunk(payload, version_of(message)))
        binary = encoding.payload_form is Encoding.MSGPACK
        if encoding.window_bits:
            return self._deflaters[encoding.window_bits, len(payload) > LARGE_BYTES].frame(payload, binary)
        return ws_frame(payload, binary)

    def frames(self, messages: list[ServerMessage], encoding: Encoding) -> Frame:
        """Several messages as one frame, sent by one call."""
        if len(messages) == 1:
            return self.frame(messages[0], encoding)
        return join_frames([self.frame(message, encoding) for message in messages])

    def stats(self) -> dict[str, int]:
        """The compressors' counters, summed (native.deflate.Deflater.stats)."""
        every = [deflater.stats() for deflater in self._deflaters.values()]
        return {name: sum(stats[name] for stats in every) for name in every[0]}


__all__ = [
    "ENCODING_BITS",
    "LAST_CHUNK",
    "SUBPROTOCOLS",
    "Encoder",
    "Encoding",
    "payload_of",
    "sse_chunk",
    "version_of",
]

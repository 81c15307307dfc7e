"""The three forms in which a message leaves the gateway, and the frames of each.

A frame is made once for each (audience, form) and shared by all its viewers; nothing here knows a connection.
"""

from __future__ import annotations

from enum import IntEnum

from gateway.model.messages import ServerMessage, Snapshot, encode_json, encode_msgpack
from native.frames import Frame, join_frames, raw_frame, ws_frame


class Encoding(IntEnum):
    """How a viewer reads messages; the number is kept in the connection's grant word."""

    JSON = 0
    MSGPACK = 1
    SSE = 2


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


def frame_of(message: ServerMessage, encoding: Encoding, json_payload: bytes | None = None) -> Frame:
    """The shared frame of `message`; `json_payload` saves encoding again what came encoded already."""
    if encoding is Encoding.MSGPACK:
        return ws_frame(encode_msgpack(message), True)
    payload = json_payload if json_payload is not None else encode_json(message)
    if encoding is Encoding.JSON:
        return ws_frame(payload, False)
    return raw_frame(sse_chunk(payload, version_of(message)))


def frames_of(messages: list[ServerMessage], encoding: Encoding) -> Frame:
    """Several messages as one frame, sent by one call."""
    if len(messages) == 1:
        return frame_of(messages[0], encoding)
    return join_frames([frame_of(message, encoding) for message in messages])


__all__ = ["LAST_CHUNK", "SUBPROTOCOLS", "Encoding", "Snapshot", "frame_of", "frames_of", "sse_chunk", "version_of"]

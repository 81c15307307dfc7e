"""Every message between gateway and viewer, typed once: JSON, MessagePack, the schema and the TypeScript types come from here.

Field order is part of the form: the channel and the versions come first, so that a load client can find them by position.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.errors import BadMessage, PatchTooDeep
from gateway.model.patch import check_depth

JSON_SUBPROTOCOL: Final = "grandstand.v1.json"
MSGPACK_SUBPROTOCOL: Final = "grandstand.v1.msgpack"

DOCUMENT_DEPTH_MAX: Final = 64
"""A document, patch or event that a client is sent is nested no deeper; `channel.max_depth` may be set as high."""

Version = Annotated[str, Meta(pattern=r"^[!#-~]{1,64}(?![\s\S])")]
"""A version as viewers see it: opaque, but fit for an ETag and for an address."""

StatusWord = Literal["live", "lagging", "paused", "ended", "rewind"]


class ErrorCode(Enum):
    """Every code that a viewer may be told; closed."""

    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    UNKNOWN_CHANNEL = "unknown_channel"
    MESSAGE_TOO_LARGE = "message_too_large"
    RATE_LIMITED = "rate_limited"
    TOKEN_EXPIRED = "token_expired"
    UNAVAILABLE = "unavailable"
    REWIND_UNAVAILABLE = "rewind_unavailable"
    INTERNAL = "internal"


FATAL: Final = {ErrorCode.MESSAGE_TOO_LARGE: 1009, ErrorCode.RATE_LIMITED: 1008, ErrorCode.TOKEN_EXPIRED: 1008}
"""Codes after which the connection is closed, with the close code; all others leave it open."""


class Snapshot(msgspec.Struct, tag_field="type", tag="snapshot"):
    """The whole state: replaces what the viewer holds."""

    channel: str
    version: Version
    state: dict[str, Any]
    feed: list[dict[str, Any]]
    status: str


class Delta(msgspec.Struct, tag_field="type", tag="delta", omit_defaults=True, kw_only=True):
    """What leads from one version to the next: a merge patch (RFC 7396) and the events that made it."""

    channel: str
    from_: Version = msgspec.field(name="from")
    version: Version
    patch: dict[str, Any]
    events: list[dict[str, Any]] = []
    skipped: int = 0


class Tick(msgspec.Struct, tag_field="type", tag="tick"):
    """Nothing has happened, and this is the newest version."""

    channel: str
    version: Version


class Status(msgspec.Struct, tag_field="type", tag="status"):
    """How the channel is doing; `behind_ms` is the publisher's lag without its clock's offset, in a rewind how long ago it was."""

    channel: str
    status: str
    behind_ms: int


class ErrorMessage(msgspec.Struct, tag_field="type", tag="error", omit_defaults=True):
    """A request of the viewer that was not served."""

    code: ErrorCode
    message: str
    channel: str | None = None


class Bye(msgspec.Struct, tag_field="type", tag="bye"):
    """The server is going away: come back after a random time between the two."""

    reason: str
    retry_ms: tuple[int, int]


ServerMessage = Snapshot | Delta | Tick | Status | ErrorMessage | Bye
SERVER_MESSAGES: Final = (Snapshot, Delta, Tick, Status, ErrorMessage, Bye)

ChannelText = Annotated[str, Meta(max_length=160)]
VersionText = Annotated[str, Meta(max_length=64)]


class Watch(msgspec.Struct, tag_field="op", tag="watch", omit_defaults=True):
    """Watch a channel, from a version held if there is one; or its past from a moment on (`at`), at so many times its pace."""

    channel: ChannelText
    since: VersionText | None = None
    at: VersionText | None = None
    speed: float | None = None


class Unwatch(msgspec.Struct, tag_field="op", tag="unwatch"):
    """Watch a channel no longer."""

    channel: ChannelText


Browser = Literal["chromium", "firefox", "safari", "other"]
"""Kinds of pages that are told apart; closed, as each is a metric's label."""


class Beat(msgspec.Struct, tag_field="op", tag="beat", omit_defaults=True):
    """How a viewer has done since its last beat: a random sample of `tick_to_pixel_ms`, and what it could not use."""

    browser: Browser = "other"
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None = None
    fps: Annotated[float, Meta(gt=0, le=1000)] | None = None
    dropped_frames: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    tick_to_pixel_ms: Annotated[list[Annotated[float, Meta(ge=0, le=600_000)]], Meta(max_length=32)] = []
    malformed: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    resyncs: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    failures: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


ViewerMessage = Watch | Unwatch | Beat
VIEWER_MESSAGES: Final = (Watch, Unwatch, Beat)

_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()
_server_json = msgspec.json.Decoder(ServerMessage)
_server_msgpack = msgspec.msgpack.Decoder(ServerMessage)
_viewer_json = msgspec.json.Decoder(ViewerMessage)
_viewer_msgpack = msgspec.msgpack.Decoder(ViewerMessage)


def encode_json(message: ServerMessage | ViewerMessage) -> bytes:
    """A message as JSON, without line breaks."""
    return _json.encode(message)


def encode_msgpack(message: ServerMessage | ViewerMessage) -> bytes:
    """A message as MessagePack."""
    return _msgpack.encode(message)


def decode_server_json(data: bytes) -> ServerMessage:
    """A server's message, as a client reads it.

    Raises:
        BadMessage
    """
    try:
        message: ServerMessage = _server_json.decode(data)
        _check_depth(message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, PatchTooDeep) as error:
        raise BadMessage("not a message of the server") from error
    return message


def decode_server_msgpack(data: bytes) -> ServerMessage:
    """A server's message, as a client reads it.

    Raises:
        BadMessage
    """
    try:
        message: ServerMessage = _server_msgpack.decode(data)
        _check_depth(message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, PatchTooDeep) as error:
        raise BadMessage("not a message of the server") from error
    return message


def _check_depth(message: ServerMessage) -> None:
    match message:
        case Snapshot():
            check_depth([message.state, *message.feed], DOCUMENT_DEPTH_MAX)
        case Delta():
            check_depth([message.patch, *message.events], DOCUMENT_DEPTH_MAX)


def decode_viewer_json(data: bytes) -> ViewerMessage:
    """A viewer's message.

    Raises:
        BadMessage
    """
    try:
        message: ViewerMessage = _viewer_json.decode(data)
        return message
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadMessage("the message is not one of watch, unwatch, beat") from error


def decode_viewer_msgpack(data: bytes) -> ViewerMessage:
    """A viewer's message.

    Raises:
        BadMessage
    """
    try:
        message: ViewerMessage = _viewer_msgpack.decode(data)
        return message
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadMessage("the message is not one of watch, unwatch, beat") from error

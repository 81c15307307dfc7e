"""What supervisor and workers say to each other: one JSON object a line over a socket pair. Types and framing only."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec


class Members(msgspec.Struct, tag_field="op", tag="members"):
    """To workers: the indices that serve now."""

    indices: list[int]


class Report(msgspec.Struct, tag_field="op", tag="report", omit_defaults=True):
    """To a worker: say what you serve, or tell of one channel or one connection."""

    ref: int
    channel: str | None = None
    connection: int | None = None


class Drain(msgspec.Struct, tag_field="op", tag="drain"):
    """To a worker: say goodbye to everybody and end."""


class Ping(msgspec.Struct, tag_field="op", tag="ping"):
    """To a worker: are you there."""


class Told(msgspec.Struct, tag_field="op", tag="told"):
    """To a worker: the view it asked for; None: there is no such thing."""

    ref: int
    view: msgspec.Raw


class Ready(msgspec.Struct, tag_field="op", tag="ready"):
    """From a worker: it accepts connections."""

    pid: int
    index: int


class Pong(msgspec.Struct, tag_field="op", tag="pong"):
    """From a worker: it is."""


class Reported(msgspec.Struct, tag_field="op", tag="reported"):
    """From a worker: what it serves."""

    ref: int
    worker: dict[str, Any] | None


class Asked(msgspec.Struct, tag_field="op", tag="asked", omit_defaults=True):
    """From a worker: an operator wants this view of the whole gateway."""

    ref: int
    view: str
    of: str = ""


ToWorker = Members | Report | Drain | Ping | Told
FromWorker = Ready | Pong | Reported | Asked

_to_worker = msgspec.json.Decoder(ToWorker)
_from_worker = msgspec.json.Decoder(FromWorker)

LINE_LIMIT_BYTES = 64 * 1024 * 1024


async def open_lines(sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Streams over one end of the socket pair."""
    sock.setblocking(False)
    return await asyncio.open_connection(sock=sock, limit=LINE_LIMIT_BYTES)


def say(writer: asyncio.StreamWriter, message: ToWorker | FromWorker) -> None:
    """Writes one message.

    Raises:
        ConnectionResetError: the other side is gone and this end closed (the loop's own transports say it by other errors).
    """
    if writer.is_closing():
        raise ConnectionResetError("the other side is gone")
    writer.write(msgspec.json.encode(message) + b"\n")


async def hear_worker(reader: asyncio.StreamReader) -> FromWorker | None:
    """The next message of a worker; None at its end."""
    line = await reader.readline()
    return _from_worker.decode(line) if line.endswith(b"\n") else None


async def hear_supervisor(reader: asyncio.StreamReader) -> ToWorker | None:
    """The next message of the supervisor; None at its end."""
    line = await reader.readline()
    return _to_worker.decode(line) if line.endswith(b"\n") else None

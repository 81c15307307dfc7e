"""The moment that a rewind begins at, as viewers name it: a version, so many seconds ago, or a time. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.edge.failures import BadRequest
from gateway.model.errors import BadVersion
from gateway.model.version import Position

AGO_RE = re.compile(r"-([0-9]{1,8})s", re.ASCII)
TIME_RE = re.compile(r"[1-9][0-9]{9,14}", re.ASCII)
SPEED_RE = re.compile(r"[0-9]{1,2}(\.[0-9]{1,3})?", re.ASCII)
SPEED_MIN, SPEED_MAX = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Where to begin.

    Args:
        position: the entry, or
        ago_ms: so long ago, or
        at_ms: the time.
        speed: match seconds a second.
    """

    position: Position | None
    ago_ms: int | None
    at_ms: int | None
    speed: float


def moment_of(at: str, speed: float | str | None) -> Moment:
    """The moment that a viewer names.

    Raises:
        BadRequest
    """
    if isinstance(speed, str):
        if not SPEED_RE.fullmatch(speed):
            raise BadRequest("a speed is a number from 1 to 60", "speed")
        speed = float(speed)
    if speed is None:
        speed = 1.0
    if not SPEED_MIN <= speed <= SPEED_MAX:
        raise BadRequest("a speed is a number from 1 to 60", "speed")
    if (ago := AGO_RE.fullmatch(at)) is not None:
        return Moment(None, int(ago[1]) * 1000, None, speed)
    if TIME_RE.fullmatch(at):
        return Moment(None, None, int(at), speed)
    try:
        return Moment(Position.parse(at.partition(".")[0]), None, None, speed)
    except BadVersion:
        raise BadRequest("a moment is a version (7-42), so many seconds ago (-120s), or unix ms", "at") from None

"""What the two methods that use XREAD share: which keys it is given, what its answer says, and what to do when it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis import exceptions

from gateway.bus.client import mapped
from gateway.bus.errors import Unavailable
from gateway.bus.followed import Followed
from gateway.bus.tails import Tails
from gateway.bus.wakeups.base import Unsuitable
from gateway.model.names import channel_of


def after(followed: Iterable[Followed]) -> dict[Any, Any]:
    """The streams that can be read, each with the last position known, as XREAD takes them."""
    return {one.key: str(one.position) if one.position is not None else "0-0" for one in followed if not one.broken}


def changed(answer: Any) -> list[str]:
    """The channels in XREAD's answer."""
    return [name for key, _ in answer or [] if (name := channel_of(key.decode())) is not None]


async def sort_out(tails: Tails, error: exceptions.ResponseError) -> None:
    """XREAD refuses all keys when one of them is wrong: reads them one by one, which finds it.

    Raises:
        Unsuitable: it is none of the keys.
        Unavailable: it is the store.
    """
    failure = mapped(error)
    if isinstance(failure, Unavailable):
        raise failure from error
    names = [one.channel for one in tails.followed.values() if not one.broken]
    await tails.read_now(names)
    if not any(one.broken for name in names if (one := tails.followed.get(name)) is not None):
        raise Unsuitable("xrange", f"XREAD is refused ({error})") from error

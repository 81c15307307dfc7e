"""Which wake-up method fits this store, and why: notifications where they are on, blocking for few channels, else poll."""

from __future__ import annotations

import redis.asyncio as redis

from gateway.bus.client import guarded, is_cluster, make_client
from gateway.bus.errors import BusError, Unavailable
from gateway.bus.tails import Tails
from gateway.bus.wakeups.base import Wakeup
from gateway.bus.wakeups.blocking import Blocking
from gateway.bus.wakeups.notify import Notify
from gateway.bus.wakeups.poll import Poll

METHODS = ("auto", "blocking", "notify", "poll")
BLOCKING_MAX = 64
"""Channels of one blocking XREAD before polling takes over."""


async def choose(wanted: str, url: str, client: redis.Redis, tails: Tails, forced: bool) -> Wakeup:
    """The method that was asked for, or the best that the store offers.

    Args:
        wanted: one of METHODS; `xrange` is a poll without XREAD.
        forced: by an operator, so that it is kept for any number of channels.

    Raises:
        Unavailable: the store cannot be asked.
    """
    if is_cluster(url):
        return Poll(None, tails, "the store is a cluster: tails are read from every node in pipelines")
    told = "set by bus.wakeup"
    if wanted == "auto":
        announced, told = await _announced(client)
        wanted = "notify" if announced else _without_notifications(tails)
    if wanted == "xrange":
        return Poll(None, tails, told)
    own = make_client(url, connections=1)
    if wanted == "notify":
        database = int(client.connection_pool.connection_kwargs.get("db") or 0)
        return Notify(own, tails, database, told, _without_notifications(tails))
    if wanted == "blocking":
        return Blocking(own, tails, told, None if forced else BLOCKING_MAX)
    return Poll(own, tails, told)


def _without_notifications(tails: Tails) -> str:
    return "blocking" if len(tails.followed) <= BLOCKING_MAX else "poll"


async def _announced(client: redis.Redis) -> tuple[bool, str]:
    """Whether the store announces changes of streams, as far as this user may know."""
    try:
        answer = await guarded(client.config_get("notify-keyspace-events"))
    except Unavailable:
        raise
    except BusError:
        return True, "CONFIG GET is refused: notifications are tried and checked"
    flags = str(answer.get("notify-keyspace-events", ""))
    if "K" in flags and ("t" in flags or "A" in flags):
        return True, f"notify-keyspace-events is {flags!r}"
    return False, f"notify-keyspace-events is {flags!r}, without K and t"

"""Which wake-up method fits this store, and why: notifications where they are on, blocking for few channels, else poll."""

from __future__ import annotations

import redis.asyncio as redis
from redis import exceptions

from gateway.bus.wakeups.base import Stirred, Wakeup
from gateway.bus.wakeups.blocking import Blocking
from gateway.bus.wakeups.notify import Notify
from gateway.bus.wakeups.poll import Poll

METHODS = ("auto", "blocking", "notify", "poll")
BLOCKING_MAX = 64
"""Channels of one blocking XREAD before polling takes over."""


async def choose(wanted: str, url: str, client: redis.Redis, bus: Stirred) -> Wakeup:
    """The method that was asked for, or the best that the store offers.

    Raises:
        Unavailable: the store cannot be asked.
    """
    from gateway.bus.redis_streams import make_client

    database = int(client.connection_pool.connection_kwargs.get("db") or 0)
    own = make_client(url, timeout_s=None)
    if wanted == "notify":
        return Notify(own, bus, database, "set by bus.wakeup")
    if wanted == "blocking":
        return Blocking(own, bus, "set by bus.wakeup")
    if wanted == "poll":
        return Poll(own, bus, "set by bus.wakeup")
    announced, reason = await _announced(client)
    if announced:
        return Notify(own, bus, database, reason)
    return Blocking(own, bus, reason, BLOCKING_MAX)


async def _announced(client: redis.Redis) -> tuple[bool, str]:
    """Whether the store announces changes of streams, as far as this user may know."""
    from gateway.bus.redis_streams import guarded

    try:
        answer = await client.config_get("notify-keyspace-events")
    except exceptions.ResponseError:
        return True, "CONFIG GET is not permitted; notifications are tried and checked by the net"
    except (exceptions.RedisError, OSError, TimeoutError) as error:
        await guarded(client.ping())
        return False, f"CONFIG GET failed ({type(error).__name__}); blocking reads work everywhere"
    flags = str(answer.get("notify-keyspace-events", ""))
    if "K" in flags and ("t" in flags or "A" in flags):
        return True, f"notify-keyspace-events is {flags!r}"
    return False, f"notify-keyspace-events is {flags!r}, without K and t"

"""Connections to a Redis or Valkey, and the one place where the client library's errors become ours.

Bounded: so many connections, and a time-out on everything. Retrying is the bus's own business.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import redis.asyncio as redis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.bus.errors import BusError, NotPermitted, ReadOnly, Unavailable, WrongType

T = TypeVar("T")

CONNECT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 5.0
POOL_CONNECTIONS = 16
"""Connections of one client; who finds all in use waits for his turn."""
POOL_WAIT_S = 20.0

_NOT_NOW = ("BUSY ", "MISCONF", "NOREPLICAS", "UNBLOCKED")
"""Answers of a store that can be reached and yet cannot do it now, which the client library has no classes for."""


def make_client(
    url: str, timeout_s: float | None = COMMAND_TIMEOUT_S, connections: int = POOL_CONNECTIONS
) -> redis.Redis:
    """A client whose errors come at once."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=POOL_WAIT_S,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return redis.Redis.from_pool(pool)


def mapped(error: Exception) -> BusError:
    """What an exception of the client library is to us."""
    text = str(error)
    if isinstance(error, BusError):
        return error
    if isinstance(error, exceptions.NoPermissionError | exceptions.AuthenticationError | exceptions.AuthorizationError):
        return NotPermitted(text)
    if isinstance(error, exceptions.ReadOnlyError):
        return ReadOnly(text)
    if isinstance(error, exceptions.ResponseError):
        if text.startswith("WRONGTYPE"):
            return WrongType(text)
        not_now = exceptions.ClusterDownError | exceptions.TryAgainError | exceptions.OutOfMemoryError
        return (Unavailable if isinstance(error, not_now) or text.startswith(_NOT_NOW) else BusError)(text)
    return Unavailable(type(error).__name__)


async def guarded(call: Awaitable[T]) -> T:
    """Awaits a call of the client library and maps its exceptions to ours."""
    try:
        return await call
    except (exceptions.RedisError, exceptions.RedisClusterException, OSError, TimeoutError) as error:
        raise mapped(error) from error

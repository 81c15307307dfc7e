"""Connections to a Redis or Valkey, and the one place where the client library's errors become ours.

Bounded: so many connections, and a time-out on everything. Retrying is the bus's own business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import redis.asyncio as redis
from redis import exceptions
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.bus.errors import BusError, NotPermitted, ReadOnly, Unavailable, WrongType

T = TypeVar("T")

CONNECT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 5.0
POOL_CONNECTIONS = 16
"""Connections of one client; who finds all in use waits for his turn."""
POOL_WAIT_S = 20.0

CLUSTER_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
CLUSTER_CONNECTIONS = 64
"""Connections to one node of a cluster; nobody waits for his turn there."""
DEFAULT_PORT = 6379

_NOT_NOW = ("BUSY ", "MISCONF", "NOREPLICAS", "UNBLOCKED")
"""Answers of a store that can be reached and yet cannot do it now, which the client library has no classes for."""

_REFUSALS: dict[str, type[BusError]] = {
    "NOPERM": NotPermitted,
    "NOAUTH": NotPermitted,
    "WRONGPASS": NotPermitted,
    "READONLY": ReadOnly,
    "WRONGTYPE": WrongType,
    **dict.fromkeys(
        ("BUSY", "MISCONF", "NOREPLICAS", "UNBLOCKED", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM"),
        Unavailable,
    ),
}


def is_cluster(url: str) -> bool:
    """Whether the URL names a cluster."""
    return url.partition("://")[0] in CLUSTER_SCHEMES


def make_client(
    url: str, timeout_s: float | None = COMMAND_TIMEOUT_S, connections: int = POOL_CONNECTIONS
) -> redis.Redis:
    """A client whose errors come at once; one of a cluster has the same commands and finds each key's node by itself."""
    if is_cluster(url):
        client: Any = _cluster(url, timeout_s)
        return cast(redis.Redis, client)
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


class _Cluster(redis.RedisCluster):
    """A cluster's client whose first commands wait until its nodes are known: begun side by side they would end one another."""

    _gate: asyncio.Lock | None = None

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Carries a command out."""
        if self._initialize:
            self._gate = self._gate or asyncio.Lock()
            async with self._gate:
                await self.initialize()
        return await super().execute_command(*args, **options)


def _cluster(url: str, timeout_s: float | None) -> redis.RedisCluster:
    """A client of all nodes, found by asking the first of those named that answers."""
    scheme, _, rest = url.partition("://")
    user, at, hosts = rest.rpartition("@")
    first, *others = [part.strip("/") for part in hosts.split(",")]
    nodes = []
    for host in others:
        parts = urlsplit(f"redis://{host}")
        nodes.append(ClusterNode(parts.hostname or "", parts.port or DEFAULT_PORT))
    return _Cluster.from_url(
        f"{CLUSTER_SCHEMES[scheme]}://{user}{at}{first}",
        startup_nodes=nodes or None,
        max_connections=CLUSTER_CONNECTIONS,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        # A slot that has moved is asked for at its new node all the same; a write whose answer is lost is not written twice.
        retry=Retry(NoBackoff(), 0),
        require_full_coverage=False,
        protocol=2,
    )


async def forget_connections(client: redis.Redis, in_use: bool) -> None:
    """Closes connections, which may be to a store that is gone without a word; a cluster's nodes are looked for anew.

    Args:
        in_use: those that somebody waits on too.
    """
    if isinstance(client, redis.Redis):
        await guarded(client.connection_pool.disconnect(inuse_connections=in_use))
    else:
        await guarded(client.aclose())


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


def refusal(text: str) -> BusError:
    """What an error reply is to us, where it does not come through the client library."""
    return _REFUSALS.get(text.partition(" ")[0], BusError)(text)


async def guarded(call: Awaitable[T]) -> T:
    """Awaits a call of the client library and maps its exceptions to ours."""
    try:
        return await call
    except (exceptions.RedisError, exceptions.RedisClusterException, OSError, TimeoutError) as error:
        raise mapped(error) from error

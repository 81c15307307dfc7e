"""Who is watching, as numbers that expire: each process puts its own counts, one process a channel adds them up.

A count that is not put again is gone after its time to live; a channel that nobody has put is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.bus.client import guarded, is_cluster, make_client
from gateway.bus.errors import BusError
from gateway.bus.exchange import Exchange
from gateway.bus.wire import command
from gateway.model.names import viewers_key

INDEX_KEY: Final = "viewers:{index}"
AT_ONCE = 25
"""Channels of one pipeline: the client packs and parses them in one go, and a loop that serves viewers must not be held."""
AT_ONCE_ON_WIRE = 100
"""Channels of one exchange, which costs a fraction of that."""


class Presence:
    """Counts of viewers in the store at `url`.

    Args:
        ttl_ms: how long a count holds.
    """

    def __init__(self, url: str, ttl_ms: int) -> None:
        self._client = make_client(url, connections=1)
        self._exchange = None if is_cluster(url) else Exchange(self._client)
        self._ttl_ms = ttl_ms

    async def close(self) -> None:
        """Closes the connection."""
        if self._exchange is not None:
            await self._exchange.close()
        await self._client.aclose()

    async def put(self, member: str, counts: Mapping[str, int], now_ms: int) -> None:
        """Puts one process's counts by channel; zero takes the count away.

        Raises:
            BusError
        """
        names = list(counts)
        if self._exchange is not None:
            for start in range(0, len(names), AT_ONCE_ON_WIRE):
                await self._put_on_wire(self._exchange, member, counts, names[start : start + AT_ONCE_ON_WIRE], now_ms)
            return
        for start in range(0, len(names), AT_ONCE):
            pipeline = self._client.pipeline(transaction=False)
            some = names[start : start + AT_ONCE]
            for name in some:
                key = viewers_key(name)
                if counts[name]:
                    pipeline.hset(key, member, f"{counts[name]} {now_ms + self._ttl_ms}")
                    pipeline.pexpire(key, self._ttl_ms)
                else:
                    pipeline.hdel(key, member)
            pipeline.zadd(INDEX_KEY, dict.fromkeys(some, now_ms))
            await guarded(pipeline.execute())

    async def _put_on_wire(
        self, exchange: Exchange, member: str, counts: Mapping[str, int], names: Sequence[str], now_ms: int
    ) -> None:
        process, ttl, until_ms = member.encode(), b"%d" % self._ttl_ms, now_ms + self._ttl_ms
        score = b"%d" % now_ms
        sent: list[bytes] = []
        index: list[bytes] = []
        for name in names:
            key = viewers_key(name).encode()
            if counts[name]:
                sent.append(command(b"HSET", key, process, b"%d %d" % (counts[name], until_ms)))
                sent.append(command(b"PEXPIRE", key, ttl))
            else:
                sent.append(command(b"HDEL", key, process))
            index += score, name.encode()
        sent.append(command(b"ZADD", INDEX_KEY.encode(), *index))
        for reply in await exchange.ask(b"".join(sent), len(sent)):
            if isinstance(reply, BusError):
                raise reply

    async def watched(self, now_ms: int) -> list[str]:
        """The channels of which counts were put lately.

        Raises:
            BusError
        """
        pipeline = self._client.pipeline(transaction=False)
        pipeline.zremrangebyscore(INDEX_KEY, "-inf", now_ms - 4 * self._ttl_ms)
        pipeline.zrangebyscore(INDEX_KEY, now_ms - 2 * self._ttl_ms, "+inf")
        answers: list[Any] = await guarded(pipeline.execute())
        return [name.decode() for name in answers[1]]

    async def sums(self, channels: Sequence[str], now_ms: int) -> dict[str, int]:
        """The viewers of each channel, over all processes.

        Raises:
            BusError
        """
        found: dict[str, int] = {}
        for start in range(0, len(channels), AT_ONCE):
            some = channels[start : start + AT_ONCE]
            pipeline = self._client.pipeline(transaction=False)
            for name in some:
                pipeline.hvals(viewers_key(name))
            answers: list[Any] = await guarded(pipeline.execute())
            for name, values in zip(some, answers, strict=True):
                found[name] = sum(_count(value, now_ms) for value in values)
        return found


def _count(value: bytes, now_ms: int) -> int:
    count, _, until_ms = value.partition(b" ")
    return int(count) if count.isdigit() and until_ms.isdigit() and int(until_ms) > now_ms else 0

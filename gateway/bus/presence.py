"""Who is watching, as numbers that expire: each process puts its own counts, one process a channel adds them up.

A count holds as long as its process renews its one lease: what does not change is not put again while it is fresh, and what a
dead process had counted is gone with its lease. A channel that nobody has put for long is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.bus.client import guarded, is_cluster, make_client
from gateway.bus.errors import BusError
from gateway.bus.exchange import Exchange
from gateway.bus.wire import AnyReplies, command
from gateway.model.names import viewers_key

INDEX_KEY: Final = "viewers:{index}"
"""Channels by the time until which a count of theirs is fresh."""
LEASES_KEY: Final = "viewers:{leases}"
"""Processes by the time until which their counts hold."""
FRESH_LEASES = 20
"""For so many times the length of a lease a count is fresh; what is older is of a process that is long gone."""
AT_ONCE = 25
"""Channels of one pipeline: the client packs and parses them in one go, and a loop that serves viewers must not be held."""
AT_ONCE_ON_WIRE = 100
"""Channels of one exchange, which costs a fraction of that."""


class Presence:
    """Counts of viewers in the store at `url`.

    Args:
        lease_ms: how long a process's counts hold without being renewed.

    Attributes:
        fresh_ms: how long a count is fresh: to be put again before that has passed.
    """

    def __init__(self, url: str, lease_ms: int) -> None:
        self.fresh_ms = FRESH_LEASES * lease_ms
        self._client = make_client(url, connections=1)
        self._exchange = None if is_cluster(url) else Exchange(self._client, AnyReplies())
        self._lease_ms = lease_ms

    async def close(self) -> None:
        """Closes the connection."""
        if self._exchange is not None:
            await self._exchange.close()
        await self._client.aclose()

    async def put(self, member: str, counts: Mapping[str, int], now_ms: int) -> bool:
        """Renews a process's lease and puts those of its counts that are new or not fresh any more; zero takes a count away.

        Returns:
            Whether the store knew the process; if not, whatever was put before may be lost.

        Raises:
            BusError
        """
        names = list(counts)
        if self._exchange is None:
            return await self._put_by_client(member, counts, names, now_ms)
        known = False
        for start in range(0, max(1, len(names)), AT_ONCE_ON_WIRE):
            some = names[start : start + AT_ONCE_ON_WIRE]
            known = await self._put_on_wire(self._exchange, member, counts, some, now_ms) or known
        return known

    async def _put_by_client(self, member: str, counts: Mapping[str, int], names: Sequence[str], now_ms: int) -> bool:
        until_ms = now_ms + self.fresh_ms
        added = await guarded(self._client.zadd(LEASES_KEY, {member: now_ms + self._lease_ms}))
        for start in range(0, len(names), AT_ONCE):
            pipeline = self._client.pipeline(transaction=False)
            some = names[start : start + AT_ONCE]
            for name in some:
                key = viewers_key(name)
                if counts[name]:
                    pipeline.hset(key, member, f"{counts[name]} {until_ms}")
                    pipeline.pexpire(key, self.fresh_ms)
                else:
                    pipeline.hdel(key, member)
            pipeline.zadd(INDEX_KEY, dict.fromkeys(some, until_ms))
            await guarded(pipeline.execute())
        return not added

    async def _put_on_wire(
        self, exchange: Exchange, member: str, counts: Mapping[str, int], names: Sequence[str], now_ms: int
    ) -> bool:
        process, fresh = member.encode(), b"%d" % self.fresh_ms
        until_ms = now_ms + self.fresh_ms
        sent = [command(b"ZADD", LEASES_KEY.encode(), b"%d" % (now_ms + self._lease_ms), process)]
        score = b"%d" % until_ms
        index: list[bytes] = []
        for name in names:
            key = viewers_key(name).encode()
            if counts[name]:
                sent.append(command(b"HSET", key, process, b"%d %d" % (counts[name], until_ms)))
                sent.append(command(b"PEXPIRE", key, fresh))
            else:
                sent.append(command(b"HDEL", key, process))
            index += score, name.encode()
        if index:
            sent.append(command(b"ZADD", INDEX_KEY.encode(), *index))
        replies = await exchange.ask(b"".join(sent), len(sent))
        for reply in replies:
            if isinstance(reply, BusError):
                raise reply
        return not replies[0]

    async def watched(self, now_ms: int) -> list[str]:
        """The channels of which counts were put lately.

        Raises:
            BusError
        """
        pipeline = self._client.pipeline(transaction=False)
        pipeline.zremrangebyscore(LEASES_KEY, "-inf", now_ms - self.fresh_ms)
        pipeline.zremrangebyscore(INDEX_KEY, "-inf", now_ms - self.fresh_ms)
        pipeline.zrangebyscore(INDEX_KEY, now_ms, "+inf")
        answers: list[Any] = await guarded(pipeline.execute())
        return [name.decode() for name in answers[2]]

    async def sums(self, channels: Sequence[str], now_ms: int) -> dict[str, int]:
        """The viewers of each channel, over all processes whose leases hold.

        Raises:
            BusError
        """
        found: dict[str, int] = {}
        for start in range(0, len(channels), AT_ONCE):
            some = channels[start : start + AT_ONCE]
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zrangebyscore(LEASES_KEY, now_ms, "+inf")
            for name in some:
                pipeline.hgetall(viewers_key(name))
            live, *answers = await guarded(pipeline.execute())
            members = frozenset(live)
            for name, counts in zip(some, answers, strict=True):
                found[name] = sum(_count(value, now_ms) for member, value in counts.items() if member in members)
        return found


def _count(value: bytes, now_ms: int) -> int:
    count, _, until_ms = value.partition(b" ")
    return int(count) if count.isdigit() and until_ms.isdigit() and int(until_ms) > now_ms else 0

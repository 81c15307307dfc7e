"""A store that is reached by TLS: the hot path's connections are opened, lost and opened again as any others."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.bus.publisher import Publisher
from gateway.bus.redis_streams import RedisStreams
from tests.bus.contract import number
from tests.bus.seen import Seen
from tests.stores import Store
from tests.wire.echo import certificate

CHUNK = 65_536


class Front:
    """Takes TLS on a port of its own and passes everything on in the clear, as stunnel before a store does."""

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        self.port = 0
        self._target = target
        self._context = context
        self._writers: list[asyncio.StreamWriter] = []

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Ends every open connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Front]:
        """Listens meanwhile."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await server.wait_closed()


@pytest.mark.parametrize("wakeup", ["notify", "blocking", "poll"])
async def test_tails_are_read_by_tls_and_again_after_a_cut(valkey_server: Store, tmp_path: Path, wakeup: str) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    channels = [f"match:{n}" for n in range(20)]
    seen = Seen()
    publisher = Publisher(valkey_server.url)
    async with Front(valkey_server.port, context).running() as front:
        bus = RedisStreams(f"rediss://localhost:{front.port}/0?ssl_ca_certs={cert}", wakeup)
        try:
            await bus.connect()
            for channel in channels:
                bus.follow(channel, None, seen)
                await publisher.new_epoch(channel)
            for round_ in range(2):
                for channel in channels:
                    await publisher.append_many(
                        channel, 1, [(number(n), n) for n in range(50 * round_, 50 * round_ + 50)]
                    )
                await seen.until(lambda r=round_: all(len(seen.entries[one]) == 50 * r + 50 for one in channels))
                front.cut()
        finally:
            await bus.close()
            await publisher.close()
    for channel in channels:
        assert seen.raw(channel) == [number(n) for n in range(100)]
    assert (seen.failed, seen.broken) == ([], [])

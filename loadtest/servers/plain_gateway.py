"""The peers of small channels: gateways as one would write them by hand, on picows and on PyPI `websockets`.

As in Grandstand each event is decoded, counted in its channel's document, put into a delta of the same form and sent to the
channel's viewers, who got a snapshot first. Everything else is left out: events of all channels come from one stream, which is the
least work there is to read them, the only rule is written into the code, versions are a count, and there is no pace, no resuming,
no confirmed history, no audience, no token, no bound on what is kept for a slow viewer, no metric.
Each runs as a child process on uvloop.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import redis.asyncio as redis
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server
from websockets.asyncio.server import ServerConnection, broadcast, serve

from loadtest.payload import version
from loadtest.publisher import EVENTS_KEY, STATE
from loadtest.servers.child import raise_descriptor_limit

READ_COUNT = 1000
READ_BLOCK_MS = 1000


def on_picows(pipe: Connection, _viewers: int, url: str) -> None:
    """The child's main function."""
    raise_descriptor_limit()
    uvloop.run(_PicowsGateway(pipe, url).run())


def on_websockets(pipe: Connection, _viewers: int, url: str) -> None:
    """The child's main function."""
    raise_descriptor_limit()
    uvloop.run(_WebsocketsGateway(pipe, url).run())


class _Match:
    """One channel: its document, its version and its viewers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(STATE))
        self.number = 0
        self.viewers: set[Any] = set()

    def snapshot(self) -> bytes:
        """What a new viewer is sent."""
        return msgspec.json.encode(
            {
                "type": "snapshot",
                "channel": self.name,
                "version": version(self.number),
                "state": self.state,
                "feed": [],
                "status": "live",
            }
        )

    def delta(self, event: dict[str, Any]) -> bytes:
        """Counts the event; what viewers are sent of it."""
        team = self.state["teams"][event["team"]]
        team["score"] += 1
        since, self.number = version(self.number), self.number + 1
        return msgspec.json.encode(
            {
                "type": "delta",
                "channel": self.name,
                "from": since,
                "version": version(self.number),
                "patch": {"teams": {event["team"]: {"score": team["score"]}}},
                "events": [event],
            }
        )


class _Matches(defaultdict[str, _Match]):
    def __missing__(self, name: str) -> _Match:
        match = self[name] = _Match(name)
        return match


class _Gateway:
    """What both have in common: the stream, the matches, and the parent's pipe."""

    def __init__(self, pipe: Connection, url: str) -> None:
        self._pipe = pipe
        self._url = url
        self._ended = asyncio.Event()
        self.matches = _Matches()

    async def run(self) -> None:
        """Serves until told to exit."""
        server, port = await self.listen()
        reading = asyncio.create_task(self._read())
        self._pipe.send(port)
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._ended.set)
        # It ends only by failing; viewers that get nothing any more are what the parent sees of that.
        reading.add_done_callback(lambda _: self._ended.set())
        await self._ended.wait()
        server.close()
        if reading.done():
            reading.result()
        reading.cancel()

    async def listen(self) -> tuple[Any, int]:
        """Begins to serve; the server and its port."""
        raise NotImplementedError

    def send(self, viewers: set[Any], message: bytes) -> None:
        """Sends to all of them."""
        raise NotImplementedError

    async def _read(self) -> None:
        store = redis.Redis.from_url(self._url)
        decode: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode
        last: Any = "0"
        while True:
            answer: Any = await store.xread({EVENTS_KEY: last}, count=READ_COUNT, block=READ_BLOCK_MS)
            entries: Iterable[Any] = answer[0][1] if answer else ()
            for entry_id, fields in entries:
                last = entry_id
                match = self.matches[fields[b"c"].decode()]
                self.send(match.viewers, match.delta(decode(fields[b"e"])))


def _match_of(path: str) -> str:
    return path.partition("channel=")[2]


class _PicowsViewer(WSListener):
    def __init__(self, match: _Match) -> None:
        self._match = match

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._match.viewers.add(transport)
        transport.send(WSMsgType.TEXT, self._match.snapshot())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._match.viewers.discard(transport)


class _PicowsGateway(_Gateway):
    async def listen(self) -> tuple[Any, int]:
        def viewer(request: WSUpgradeRequest) -> WSListener:
            return _PicowsViewer(self.matches[_match_of(request.path.decode())])

        server = await ws_create_server(viewer, "127.0.0.1", 0, backlog=4096)
        return server, server.sockets[0].getsockname()[1]

    def send(self, viewers: set[Any], message: bytes) -> None:
        for transport in viewers:
            transport.send(WSMsgType.TEXT, message)


class _WebsocketsGateway(_Gateway):
    async def listen(self) -> tuple[Any, int]:
        server = await serve(
            self._viewer, "127.0.0.1", 0, backlog=4096, compression=None, ping_interval=None, open_timeout=60
        )
        return server, next(iter(server.sockets)).getsockname()[1]

    async def _viewer(self, viewer: ServerConnection) -> None:
        assert viewer.request is not None
        match = self.matches[_match_of(viewer.request.path)]
        match.viewers.add(viewer)
        try:
            await viewer.send(match.snapshot().decode())
            await viewer.wait_closed()
        finally:
            match.viewers.discard(viewer)

    def send(self, viewers: set[Any], message: bytes) -> None:
        broadcast(viewers, message.decode())

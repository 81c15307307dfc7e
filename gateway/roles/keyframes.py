"""`grandstand keyframes`: writes a channel's keyframe now and then, so that owners need not read its whole stream.

The only writer of `snap:` keys beside other processes of this role, which write the same content.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time

import uvloop

from gateway.bus.base import Bus
from gateway.bus.connect import open_bus, open_publisher
from gateway.bus.errors import BusError, Unavailable
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.version import Position
from gateway.observe import log, metrics
from gateway.observe.log import logger
from gateway.roles.folding import Folder
from gateway.roles.lobby import Lobby
from gateway.settings import Settings

WRITE_EVERY_S = 0.5


def run(settings: Settings, supervisor: socket.socket | None = None) -> int:
    """The process: ends on SIGTERM or SIGINT, or when the other end of `supervisor` is gone."""
    log.configure(settings.observe, role="keyframes")
    return uvloop.run(_main(settings, supervisor))


async def _main(settings: Settings, supervisor: socket.socket | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if supervisor is not None:
        loop.add_reader(supervisor, stop.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    write_url = settings.bus.write_url or settings.bus.url
    if write_url == "none":
        logger.info("keyframes_off", why="bus.write_url is none")
        await stop.wait()
        return 0
    await run_keyframes(settings, write_url, stop)
    return 0


async def run_keyframes(settings: Settings, url: str, stop: asyncio.Event) -> None:
    """Follows, folds and writes until `stop` is set."""
    bus, publisher = open_bus(url, settings.bus.wakeup), open_publisher(url)
    try:
        await bus.connect()
    except Unavailable as error:
        logger.warning("store_unreachable", error=type(error).__name__)
    limits = ChannelLimits(max_entry_bytes=settings.channel.max_event_bytes, max_depth=settings.channel.max_depth)
    keyframes = Keyframes(publisher, settings.keyframes.every_entries, settings.keyframes.every_s)
    lobby = Lobby(publisher, bus, _wall_ms)
    folder = Folder(bus, publisher, limits, [keyframes, lobby], lambda _name: True, _wall_ms)
    tasks = [
        asyncio.create_task(folder.discover_forever()),
        asyncio.create_task(keyframes.write_forever()),
        asyncio.create_task(lobby.run()),
    ]
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, stopping):
        task.cancel()
    await asyncio.gather(*tasks, stopping, return_exceptions=True)
    await _close(bus, publisher)
    for task in done - {stopping}:
        task.result()


async def _close(bus: Bus, publisher: Publisher) -> None:
    await bus.close()
    await publisher.close()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Keyframes:
    """Writes keyframes of what has changed.

    Args:
        every_entries: entries of a channel after which its keyframe is due.
        every_s: seconds after which it is due when anything has changed.
    """

    def __init__(self, publisher: Publisher, every_entries: int, every_s: float) -> None:
        self._publisher = publisher
        self._every_entries = every_entries
        self._every_s = every_s
        self._written: dict[str, tuple[Position, float]] = {}
        self._changed: dict[str, Channel] = {}

    def on_change(self, channel: Channel) -> None:
        """The channel's keyframe is older than its document."""
        self._changed[channel.name] = channel

    def due(self, channel: Channel, now_s: float) -> bool:
        """Whether the channel's keyframe is to be written now."""
        assert channel.position is not None
        position, written_s = self._written.get(channel.name, (None, 0.0))
        if position is None or position.epoch != channel.position.epoch:
            return True
        return channel.position.seq - position.seq >= self._every_entries or now_s - written_s >= self._every_s

    async def write_forever(self) -> None:
        """Writes what is due, twice a second, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            now_s = time.monotonic()
            for channel in list(self._changed.values()):
                if channel.position is None or not self.due(channel, now_s):
                    continue
                try:
                    await self._publisher.write_keyframe(channel.name, channel.keyframe())
                except BusError as error:
                    logger.info("keyframe_not_written", channel=channel.name, error=type(error).__name__)
                    break
                metrics.KEYFRAMES.inc()
                self._written[channel.name] = (channel.position, now_s)
                del self._changed[channel.name]

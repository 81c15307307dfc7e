"""`grandstand aggregate`: one of any number of processes that derive what is not live: keyframes, lists, boards, history."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from datetime import datetime

import uvloop

from gateway.aggregate.boards.boards import Boards
from gateway.aggregate.boards.ledger import Ledger
from gateway.aggregate.boards.letters import Letters
from gateway.aggregate.boards.past import Past
from gateway.aggregate.boards.registry import Upkeep
from gateway.aggregate.boards.showing import STREAM_ENTRIES, Showing
from gateway.aggregate.boards.status import Status
from gateway.aggregate.folding import Folding
from gateway.aggregate.history import HistoryPlan, HistorySink
from gateway.aggregate.keyframes import Keyframes
from gateway.aggregate.leases import Leases
from gateway.aggregate.lobby import Lobby
from gateway.aggregate.reader import Reader
from gateway.aggregate.retention import Retention, RetentionPlan
from gateway.aggregate.runner import Runner
from gateway.aggregate.viewers import Viewers
from gateway.bus.board_reader import BoardReader
from gateway.bus.connect import open_bus, open_publisher
from gateway.bus.ending import end
from gateway.bus.errors import Unavailable
from gateway.bus.presence import Presence
from gateway.history.database import Database
from gateway.history.identity import identity_of
from gateway.model.board_kinds import Kind
from gateway.model.boards import DAY_MS, Scopes
from gateway.model.channel import ChannelLimits
from gateway.observe import gc_pauses, log
from gateway.observe.log import logger
from gateway.settings import BoardSettings, Settings

PAST_CONNECTIONS = 2
"""To the history, for what boards are counted anew from: its writer has its own."""


def run(settings: Settings, supervisor: socket.socket | None = None) -> int:
    """The process: ends on SIGTERM or SIGINT, or when the other end of `supervisor` is gone."""
    log.configure(settings.observe, role="aggregate")
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
        logger.info("aggregate_off", why="bus.write_url is none")
        await stop.wait()
        return 0
    await aggregate(settings, write_url, stop)
    return 0


async def aggregate(settings: Settings, url: str, stop: asyncio.Event) -> None:
    """Works until `stop` is set; every sink has a reader with a bus of its own."""
    publisher = open_publisher(url)
    limits = ChannelLimits(max_entry_bytes=settings.channel.max_event_bytes, max_depth=settings.channel.max_depth)
    machine = socket.gethostname()
    member = f"{machine}.{os.getpid()}.{os.urandom(3).hex()}"
    leases = Leases(url, member, settings.aggregate.lease_s, identity_of(settings.history.url, machine))
    bus = open_bus(url, settings.bus.wakeup)
    keyframes = Keyframes(publisher, settings.keyframes.every_entries, settings.keyframes.every_s)
    lobby = Lobby(publisher, _wall_ms, lambda name: runner.holds(name))
    ledger = Ledger(url, settings.boards.kept_days * 86_400)
    letters = Letters(url, settings.boards.letters_kept)
    scopes = _scopes(settings.boards)

    def again(channel: str) -> None:
        readers[0].again(channel)

    past_database = Database(settings.history.url, PAST_CONNECTIONS) if _keeps(settings) else None
    past = Past(bus, past_database, limits)
    boards = Boards(bus, ledger, past, letters, scopes, _wall_ms, again, settings.boards.max_per_entry, lambda: runner)
    every_s = settings.presence.every_s
    presence = Presence(url, int(every_s * 3000))
    viewers = Viewers(presence, publisher, lambda name: folding.channels.get(name), every_s, _wall_ms)
    folding = Folding(bus, limits, boards, [keyframes, lobby, viewers], _wall_ms, again)
    readers = [Reader(bus, folding)]
    database = Database(settings.history.url) if _keeps(settings) else None
    if database is not None:
        readers.append(_history(settings, url, limits, database))
    runner = Runner(leases, publisher, readers)
    status = Status(runner, bus, folding, boards, ledger, settings.boards.stale_s, _wall_ms)
    board_reader = BoardReader(url, settings.boards.stale_s)
    board_publisher = open_publisher(url, STREAM_ENTRIES)
    kept_s = (settings.boards.kept_days + 8) * 86_400
    showing = Showing(runner, ledger, board_reader, board_publisher, kept_s, _wall_ms)
    plan = RetentionPlan(settings.aggregate.trim_after_s, settings.aggregate.ended_kept_days)
    retention = Retention(bus, publisher, past, limits, plan, folding.channels, runner.forget, _wall_ms)
    for reader in readers:
        try:
            await reader.bus.connect()
        except Unavailable as error:
            logger.warning("store_unreachable", error=type(error).__name__)
    logger.info("aggregating", pid=os.getpid(), sinks=[reader.sink.name for reader in readers])
    gc_pauses.install()
    works = [gc_pauses.watch(), runner.run(), keyframes.write_forever(), lobby.run(), status.run(), stop.wait()]
    if every_s > 0:
        works.append(viewers.run())
    works.append(Upkeep(ledger.registry, lambda: runner.held, scopes.kept_ms, _wall_ms).run())
    if plan.trim_after_s > 0:
        works.append(retention.run())
    if settings.boards.channels:
        works.append(showing.run())
    tasks = [asyncio.ensure_future(work) for work in works]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await end(*tasks)
    for reader in readers:
        await reader.bus.close()
    await leases.close()
    await ledger.close()
    await board_reader.close()
    await board_publisher.close()
    await letters.close()
    await presence.close()
    await publisher.close()
    for one in (database, past_database):
        if one is not None:
            await one.close()
    for task in done:
        task.result()


def _scopes(boards: BoardSettings) -> Scopes:
    kinds = tuple(
        Kind(
            name,
            kind.field,
            tuple(kind.path.split("/")[1:]),
            _ms(kind.begins),
            _ms(kind.ends),
            frozenset(kind.metrics),
        )
        for name, kind in boards.kinds.items()
    )
    further = boards.max_further_per_entry
    begins = datetime.fromisoformat(boards.season_begins) if boards.season_begins else None
    return Scopes(boards.season, boards.kept_days * DAY_MS, kinds, further, _ms(begins))


def _ms(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment is not None else None


def _keeps(settings: Settings) -> bool:
    return settings.history.url not in ("", "none")


def _history(settings: Settings, url: str, limits: ChannelLimits, database: Database) -> Reader:
    bus = open_bus(url, settings.bus.wakeup)
    history = settings.history
    plan = HistoryPlan(history.flush_ms, history.backlog_entries, history.keep_days, history.stats_every_s)
    reader = Reader(bus, HistorySink(database, bus, limits, plan, _wall_ms, lambda name: reader.again(name)))
    return reader


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000

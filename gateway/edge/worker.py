"""One worker process: listens with SO_REUSEPORT, serves viewers, follows its siblings, ends by draining.

Phases: settings from the supervisor -> store and sockets -> ready -> serve -> drain -> end. Ends at once when the supervisor
is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import uvloop

from gateway.access.tokens import Verifier
from gateway.bus.board_reader import BoardReader
from gateway.bus.connect import open_bus, open_publisher
from gateway.bus.errors import Unavailable
from gateway.bus.presence import Presence
from gateway.edge import control
from gateway.edge.archive import Archive
from gateway.edge.asking import Asking
from gateway.edge.beats import Beats
from gateway.edge.context import Context, channel_limits
from gateway.edge.door import Door
from gateway.edge.drain import drain
from gateway.edge.encoding import Encoder
from gateway.edge.fallthrough import FallThrough
from gateway.edge.guard import Guard
from gateway.edge.http import Api
from gateway.edge.hub import Hub
from gateway.edge.ingest import Ingest
from gateway.edge.inspection import Inspection
from gateway.edge.keepers import BOARD_KIND
from gateway.edge.leaderboards import Leaderboards
from gateway.edge.links import Links, socket_path
from gateway.edge.live import PUBLIC, SIBLING, Live
from gateway.edge.notifications import Notifications
from gateway.edge.past import Past
from gateway.edge.plane import Plane
from gateway.edge.presence import PresenceReporter
from gateway.edge.report import Reporter
from gateway.edge.tls import TlsFront, tls_context
from gateway.history.database import Database
from gateway.history.reader import Reader
from gateway.model.audience import Audience
from gateway.observe import gc_pauses, log, loop_lag
from gateway.observe.log import logger
from gateway.settings import Settings
from native.connections import Table

SIBLING_SUBSCRIPTIONS = 65_535
"""A sibling follows every channel over few connections; viewers' own limit is checked when they ask."""


def run(index: int, settings: Settings, port: int, channel: socket.socket) -> None:
    """The process: returns when the worker has drained."""
    # A terminal sends Ctrl-C to the whole group: the end is the supervisor's to order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.configure(settings.observe, worker=index)
    uvloop.run(_Worker(index, settings, port).serve(channel))


def listen(host: str, port: int, backlog: int, unacknowledged_ms: int = 0) -> socket.socket:
    """A listening socket that shares its port with the other workers.

    Args:
        unacknowledged_ms: a connection whose other end takes nothing for so long is ended (RFC 5482); 0: the kernel's time.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # Connections have it from the socket that they come in by: no call for each.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unacknowledged_ms)
    sock.bind((host, port))
    sock.listen(backlog)
    sock.setblocking(False)
    return sock


def _listen_for_siblings(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    os.chmod(path, 0o600)
    sock.listen(128)
    sock.setblocking(False)
    return sock


class _Worker:
    """Wires one worker's parts together."""

    def __init__(self, index: int, settings: Settings, port: int) -> None:
        self._index = index
        self._settings = settings
        self._port = port
        self._serving = False

    async def serve(self, channel: socket.socket) -> None:
        """Serves until told to drain or until the supervisor is gone."""
        loop = asyncio.get_running_loop()
        settings = self._settings
        viewers = settings.viewers
        table = Table(
            viewers.max_connections + 1024,
            max_message_bytes=viewers.max_message_bytes,
            max_frame_bytes=viewers.max_frame_bytes,
            max_fragments=viewers.max_fragments,
            max_controls=viewers.control_frames_per_s,
            max_inflate_ratio=settings.deflate.max_ratio,
            send_buffer_bytes=viewers.send_buffer_bytes,
            head_timeout_ms=int(viewers.head_timeout_s * 1000),
            idle_timeout_ms=int(viewers.idle_timeout_s * 1000),
            close_timeout_ms=int(viewers.close_timeout_s * 1000),
            max_subscriptions=SIBLING_SUBSCRIPTIONS,
            messages_per_s=viewers.messages_per_s,
            bytes_per_s=viewers.bytes_per_s,
            trusted_tag=SIBLING,
            openings=True,
            opening_wait_ms=int(viewers.opening_wait_s * 1000),
        )
        plane = Plane(table, loop)
        bus = open_bus(settings.bus.url, settings.bus.wakeup)
        write_url = settings.bus.write_url or settings.bus.url
        publisher = open_publisher(write_url) if write_url != "none" else None
        context = Context(
            index=self._index,
            settings=settings,
            loop=loop,
            bus=bus,
            plane=plane,
            encoder=Encoder(settings.deflate),
            audiences={name: Audience(name, tuple(a.hidden), a.delay_ms) for name, a in settings.audiences.items()},
            channel_limits=channel_limits(settings),
        )
        runtime_dir = Path(settings.runtime_dir)
        hub = Hub(context, Links(runtime_dir, loop))
        verifier = Verifier(settings.access, frozenset(settings.audiences))
        await verifier.start()
        guard = Guard(verifier, settings)
        database = (
            Database(settings.history.url, settings.history.connections, settings.history.read_timeout_s)
            if (settings.history.url != "none")
            else None
        )
        kept = Reader(database, context.channel_limits) if database is not None else None
        live = Live(context, hub, guard, Past(context, kept))
        reader, writer = await control.open_lines(channel)
        asking = Asking(writer)
        archive = Archive(context, hub, guard, database)
        board_reader = BoardReader(settings.bus.url, settings.boards.stale_s)
        boards = Leaderboards(context, hub, guard, board_reader)
        presence = (
            Presence(write_url, int(settings.presence.every_s * 3000))
            if (write_url != "none" and settings.presence.every_s > 0)
            else None
        )
        notifications = Notifications(context, hub, guard, publisher)
        api = Api(
            context,
            hub,
            guard,
            Ingest(context, publisher),
            Beats(context, guard),
            asking,
            archive,
            notifications,
            boards,
            lambda: self._serving,
        )
        http = FallThrough(table, api.app(), loop)
        door = Door(context, guard, live, http.take)
        reporter = Reporter(context, hub, http)
        inspection = Inspection(context, hub, live)

        try:
            await bus.connect()
        except Unavailable as error:
            logger.warning("store_unreachable", error=type(error).__name__)
        sibling_sock = _listen_for_siblings(socket_path(runtime_dir, self._index))
        public_sock = listen(
            settings.listen.host,
            self._port,
            settings.listen.backlog,
            unacknowledged_ms=int(settings.viewers.unacknowledged_s * 1000),
        )
        tls: TlsFront | None = None
        if settings.listen.tls_cert:
            certificate = tls_context(Path(settings.listen.tls_cert), Path(settings.listen.tls_key))
            tls = TlsFront(table, certificate, loop, viewers.close_timeout_s)
            await tls.start(public_sock)
        else:
            table.listen(public_sock.fileno(), PUBLIC)
        table.listen(sibling_sock.fileno(), SIBLING)
        plane.start(door)
        reporter.start()
        gc_pauses.install()
        monitors = [
            loop.create_task(loop_lag.watch()),
            loop.create_task(gc_pauses.watch()),
            loop.create_task(context.keepers.watch(board_reader, lambda: hub.look_at_kind(BOARD_KIND))),
        ]
        if presence is not None:
            counting = PresenceReporter(context, hub, live, presence, settings.presence.every_s)
            monitors.append(loop.create_task(counting.run()))

        self._serving = True
        control.say(writer, control.Ready(os.getpid(), self._index))
        logger.info("worker_ready", port=self._port)
        orderly = await self._obey(reader, writer, hub, reporter, inspection, asking)

        self._serving = False
        door.draining = True
        if tls is not None:
            tls.stop()
        else:
            table.unlisten(public_sock.fileno())
        public_sock.close()
        if orderly:
            await drain(context, hub, http, viewers.drain_s)
        for task in monitors:
            task.cancel()
        reporter.stop()
        live.close()
        plane.stop()
        hub.close()
        table.unlisten(sibling_sock.fileno())
        sibling_sock.close()
        await verifier.close()
        await bus.close()
        await board_reader.close()
        if publisher is not None:
            await publisher.close()
        if database is not None:
            await database.close()
        if presence is not None:
            await presence.close()
        writer.close()
        logger.info("worker_ended", orderly=orderly)

    async def _obey(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        hub: Hub,
        reporter: Reporter,
        inspection: Inspection,
        asking: Asking,
    ) -> bool:
        """Carries out what the supervisor says; True when it asked for the end, False when it is gone."""
        while True:
            message = await control.hear_supervisor(reader)
            match message:
                case control.Members():
                    hub.set_members(message.indices)
                case control.Report(ref, channel=str(name)):
                    control.say(writer, control.Reported(ref, inspection.channel(name)))
                case control.Report(ref, connection=int(conn)):
                    control.say(writer, control.Reported(ref, inspection.connection(conn)))
                case control.Report():
                    control.say(writer, control.Reported(message.ref, reporter.snapshot()))
                case control.Told():
                    asking.told(message)
                case control.Ping():
                    control.say(writer, control.Pong())
                case control.Drain():
                    return True
                case None:
                    return False

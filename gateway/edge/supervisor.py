"""The supervisor: keeps N workers on one port, tells them who serves, brings the dead back, ends all in order.

Workers are forked from a fork server that has imported everything, so that a dead one is back well within a second.
Owns the port, the embedded store (when none is configured) and the admin port; never touches a viewer.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import uvloop

from gateway.edge import control, roles
from gateway.observe import log, metrics
from gateway.observe.log import logger
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.bus.embedded import EmbeddedValkey
    from gateway.history.embedded import EmbeddedPostgres

CRASH_LOOP_S = 10.0
"""A worker that lived shorter than this is brought back more slowly each time."""
BACKOFF_S = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
PING_S = 1.0
PINGS_UNANSWERED = 10
"""So many in a row, and a worker hangs. Counted, not timed: while the machine or the supervisor itself stood still, nobody
was asked, and every answer would seem late."""
REPORT_TIMEOUT_S = 5.0


def run(settings: Settings) -> int:
    """`grandstand serve`: returns the exit code when everything has ended."""
    log.configure(settings.observe)
    return uvloop.run(serve(settings))


async def serve(settings: Settings, ready: asyncio.Event | None = None, stop: asyncio.Event | None = None) -> int:
    """Serves until `stop` is set or a signal comes.

    Args:
        ready: set when all workers accept connections.
    """
    supervisor = Supervisor(settings)
    loop = asyncio.get_running_loop()
    stop = stop or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await supervisor.start()
        if ready is not None:
            ready.set()
        await stop.wait()
    finally:
        await supervisor.close()
    return 0


@dataclass(slots=True)
class _Worker:
    """One worker as the supervisor sees it."""

    index: int
    process: ForkServerProcess
    writer: asyncio.StreamWriter
    started_s: float
    unanswered: int = 0
    ready: bool = False
    listener: asyncio.Task[None] | None = None


class Supervisor:
    """Starts, watches and ends the workers of one gateway."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = settings.listen.port
        self._workers: dict[int, _Worker] = {}
        self._quick_deaths: dict[int, int] = {}
        self._reports: dict[int, asyncio.Future[dict[str, Any] | None]] = {}
        self.started_s = time.monotonic()
        self._ref = 0
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_ready = asyncio.Event()
        self._store: EmbeddedValkey | None = None
        self._aggregate: ForkServerProcess | None = None
        self._aggregate_tie: socket.socket | None = None
        self._history: EmbeddedPostgres | None = None
        self._reserved: socket.socket | None = None
        self._own_runtime_dir: str | None = None
        self._metrics_dir = tempfile.mkdtemp(prefix="grandstand-metrics-")
        # Set before the fork server starts: it and every worker inherit it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = self._metrics_dir
        self._processes = multiprocessing.get_context("forkserver")
        roles.begin()

    # -- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Returns when every worker is ready."""
        from gateway.edge.admin import Admin

        settings = self.settings
        if not settings.runtime_dir:
            self._own_runtime_dir = tempfile.mkdtemp(prefix="grandstand-")
            settings = msgspec.structs.replace(settings, runtime_dir=self._own_runtime_dir)
        if not settings.bus.url:
            from gateway.bus.embedded import EmbeddedValkey

            self._store = EmbeddedValkey(Path(settings.bus.embedded_dir))
            await self._store.start()
            logger.info("embedded_store", url=self._store.url, why="bus.url is not set")
            settings = msgspec.structs.replace(settings, bus=msgspec.structs.replace(settings.bus, url=self._store.url))
        if not settings.history.url:
            url = await self._start_history(Path(settings.history.embedded_dir))
            settings = msgspec.structs.replace(settings, history=msgspec.structs.replace(settings.history, url=url))
        self.settings = settings
        self._reserve_port()
        self._admin = Admin(self, self._metrics_dir)
        await self._admin.start()
        for index in range(settings.listen.workers):
            await self._spawn(index)
        if settings.aggregate.enabled:
            self._spawn_aggregate()
        self._keep(self._watch_hung())
        await self._all_ready.wait()
        logger.info(
            "serving",
            url=self.url,
            admin=self._admin.url,
            workers=settings.listen.workers,
            port=self.port,
            pids=self.pids,
        )

    async def _start_history(self, directory: Path) -> str:
        """The address of the embedded database; `none` where it cannot run here: the live path does not need it.

        Raises:
            Busy: another gateway uses the directory.
        """
        from gateway.history.embedded import EmbeddedPostgres
        from gateway.history.errors import Unavailable

        database = EmbeddedPostgres(directory)
        try:
            await database.start()
        except Unavailable as error:
            logger.error("history_off", why=str(error))
            return "none"
        self._history = database
        self._keep(self._mind_history(database))
        logger.info("embedded_history", url=database.url, why="history.url is not set")
        return database.url

    async def _mind_history(self, database: EmbeddedPostgres) -> None:
        """Brings the embedded database back when it has ended by itself."""
        from gateway.history.errors import Unavailable

        while True:
            await asyncio.sleep(PING_S)
            if database.ended:
                logger.error("history_died")
                try:
                    await database.revive()
                except Unavailable as error:
                    logger.error("history_not_back", why=str(error))

    async def close(self) -> None:
        """Drains the workers, then ends everything else."""
        self._closing = True
        for worker in self._workers.values():
            with contextlib.suppress(ConnectionError):
                control.say(worker.writer, control.Drain())
        if self._aggregate is not None:
            self._aggregate.terminate()
        limit_s = self.settings.viewers.drain_s + 5
        deadline = asyncio.get_running_loop().time() + limit_s
        processes = [worker.process for worker in self._workers.values()]
        if self._aggregate is not None:
            processes.append(self._aggregate)
        for process in processes:
            while process.is_alive() and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.01)
            if process.is_alive():
                logger.error("worker_killed", pid=process.pid, why="did not end in time")
                process.kill()
            process.join()
        for task in list(self._tasks):
            task.cancel()
        if hasattr(self, "_admin"):
            await self._admin.close()
        if self._history is not None:
            await self._history.stop()
        if self._store is not None:
            await self._store.stop()
        for sock in (self._reserved, self._aggregate_tie):
            if sock is not None:
                sock.close()
        if not processes:
            roles.abandon()
        for directory in (self._own_runtime_dir, self._metrics_dir):
            if directory is not None:
                shutil.rmtree(directory, ignore_errors=True)
        logger.info("ended")

    @property
    def url(self) -> str:
        """Where viewers connect."""
        host = self.settings.listen.host
        shown = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1") else host
        return f"{'https' if self.settings.listen.tls_cert else 'http'}://{shown}:{self.port}"

    @property
    def admin_url(self) -> str:
        """Where operators look, after the start."""
        return self._admin.url

    @property
    def pids(self) -> list[int | None]:
        """The workers' process ids, by index."""
        return [worker.process.pid for _, worker in sorted(self._workers.items())]

    @property
    def workers_wanted(self) -> int:
        """Workers that there should be."""
        return self.settings.listen.workers

    @property
    def ready(self) -> bool:
        """Whether at least one worker serves."""
        return any(worker.ready for worker in self._workers.values()) and not self._closing

    def _reserve_port(self) -> None:
        """Binds without listening: keeps the port (0 picks one) while workers come and go."""
        host = self.settings.listen.host
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, self.settings.listen.port))
        self._reserved = sock
        self.port = sock.getsockname()[1]

    # -- workers -----------------------------------------------------------------------------------------------

    async def _spawn(self, index: int) -> None:
        ours, theirs = socket.socketpair()
        process = self._processes.Process(
            target=roles.work, args=(index, self.settings, self.port, theirs), name=f"grandstand-{index}"
        )
        process.start()
        theirs.close()
        reader, writer = await control.open_lines(ours)
        worker = _Worker(index, process, writer, asyncio.get_running_loop().time())
        self._workers[index] = worker
        worker.listener = self._keep(self._listen(worker, reader))

    async def _listen(self, worker: _Worker, reader: asyncio.StreamReader) -> None:
        """Hears one worker until its end; the closed socket tells of its death at once."""
        while True:
            try:
                message = await control.hear_worker(reader)
            except (ConnectionError, asyncio.IncompleteReadError):
                message = None
            if message is None:
                break
            worker.unanswered = 0
            match message:
                case control.Ready():
                    worker.ready = True
                    self._tell_members()
                    if all(w.ready for w in self._workers.values()):
                        self._all_ready.set()
                case control.Reported():
                    future = self._reports.get(message.ref)
                    if future is not None and not future.done():
                        future.set_result(message.worker)
                case control.Asked():
                    self._keep(self._tell(worker, message))
                case control.Pong():
                    pass
        worker.writer.close()
        if not self._closing:
            await self._bury(worker)

    async def _bury(self, worker: _Worker) -> None:
        """Tells the others, and brings the worker back: at once, or later in a crash loop."""
        worker.ready = False
        self._tell_members()
        loop = asyncio.get_running_loop()
        if worker.process.is_alive():
            worker.process.kill()
        while worker.process.is_alive():
            await asyncio.sleep(0.001)
        worker.process.join()
        metrics.bury(worker.process.pid or 0, self._metrics_dir)
        metrics.WORKER_RESTARTS.inc()
        lived_s = loop.time() - worker.started_s
        deaths = self._quick_deaths.get(worker.index, 0) + 1 if lived_s < CRASH_LOOP_S else 0
        self._quick_deaths[worker.index] = deaths
        delay_s = BACKOFF_S[min(deaths, len(BACKOFF_S) - 1)]
        logger.warning(
            "worker_died",
            index=worker.index,
            pid=worker.process.pid,
            exit_code=worker.process.exitcode,
            lived_s=round(lived_s, 1),
            back_in_s=delay_s,
        )
        await asyncio.sleep(delay_s)
        if not self._closing:
            await self._spawn(worker.index)

    def _tell_members(self) -> None:
        members = control.Members([worker.index for worker in self._workers.values() if worker.ready])
        metrics.WORKERS.set(len(members.indices))
        for worker in self._workers.values():
            if worker.ready:
                with contextlib.suppress(ConnectionError):
                    control.say(worker.writer, members)

    async def _watch_hung(self) -> None:
        """Kills a worker whose loop does not answer any more; its death brings it back."""
        while True:
            await asyncio.sleep(PING_S)
            for worker in list(self._workers.values()):
                if not worker.ready:
                    continue
                if worker.unanswered >= PINGS_UNANSWERED:
                    logger.error("worker_hung", index=worker.index, pid=worker.process.pid)
                    worker.process.kill()
                else:
                    worker.unanswered += 1
                    with contextlib.suppress(ConnectionError):
                        control.say(worker.writer, control.Ping())

    def _spawn_aggregate(self) -> None:
        if self._aggregate_tie is not None:
            self._aggregate_tie.close()
        # Nothing is said over it: it closes when this process is gone, however it ended.
        self._aggregate_tie, theirs = socket.socketpair()
        self._aggregate = self._processes.Process(
            target=roles.aggregate, args=(self.settings, theirs), name="grandstand-aggregate"
        )
        self._aggregate.start()
        theirs.close()
        self._keep(self._mind_aggregate(self._aggregate))

    async def _mind_aggregate(self, process: ForkServerProcess) -> None:
        """Brings the aggregator back; the live path does not depend on it."""
        while process.is_alive():
            await asyncio.sleep(0.2)
        process.join()
        metrics.bury(process.pid or 0, self._metrics_dir)
        if not self._closing:
            logger.warning("aggregate_died", exit_code=process.exitcode)
            await asyncio.sleep(1.0)
            if not self._closing:
                self._spawn_aggregate()

    def _keep(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("supervision_failed", exc_info=error)

    # -- reports -----------------------------------------------------------------------------------------------

    async def reports(self, channel: str | None = None) -> list[dict[str, Any]]:
        """What every ready worker serves now, or what it knows of one channel (`{"index", "channel"}`).

        A worker that does not answer in time is left out.
        """
        asked = {
            index: self._ask_worker(worker, channel=channel)
            for index, worker in sorted(self._workers.items())
            if worker.ready
        }
        if not asked:
            return []
        await asyncio.wait(asked.values(), timeout=REPORT_TIMEOUT_S)
        found = []
        for index, future in asked.items():
            if not future.done() or future.exception() is not None:
                future.cancel()
            elif channel is not None:
                found.append({"index": index, "channel": future.result()})
            elif (report := future.result()) is not None:
                found.append(report)
        return found

    async def report_of(self, index: int, connection: int) -> dict[str, Any] | None:
        """What a worker knows of one of its connections; None when there is none such."""
        worker = self._workers.get(index)
        if worker is None or not worker.ready:
            return None
        try:
            async with asyncio.timeout(REPORT_TIMEOUT_S):
                return await self._ask_worker(worker, connection=connection)
        except (TimeoutError, ConnectionError):
            return None

    def _ask_worker(
        self, worker: _Worker, channel: str | None = None, connection: int | None = None
    ) -> asyncio.Future[dict[str, Any] | None]:
        self._ref += 1
        ref = self._ref
        future: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._reports[ref] = future
        future.add_done_callback(lambda _done: self._reports.pop(ref, None))
        try:
            control.say(worker.writer, control.Report(ref, channel, connection))
        except ConnectionError as error:
            future.set_exception(error)
        return future

    async def _tell(self, worker: _Worker, asked: control.Asked) -> None:
        """Answers what an operator asked a worker."""
        view = await self._admin.overview.view(asked.view, asked.of)
        with contextlib.suppress(ConnectionError):
            control.say(worker.writer, control.Told(asked.ref, msgspec.Raw(msgspec.json.encode(view))))

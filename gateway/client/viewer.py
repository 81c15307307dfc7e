"""A viewer of one channel: follows the rules of docs/protocol.md over any source, and comes back after every loss.

Phases: (snapshot over HTTP) -> connect with the version held -> messages -> lost: wait as the back-off or `bye` says -> connect …
Owns the connection's life; what a message means is decided by model.viewer.
"""

from __future__ import annotations

import asyncio
import random as _random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from gateway.client.errors import Lost, Refused
from gateway.client.polling import PollingSource, fetch_snapshot, http_client
from gateway.client.report import post_beat
from gateway.client.source import Address, Source
from gateway.client.stream import StreamSource
from gateway.client.websocket import WebSocketSource
from gateway.model.messages import FATAL, Beat, Bye, Delta, ErrorCode, ErrorMessage, ServerMessage, Snapshot, Tick
from gateway.model.reconnect import Backoff
from gateway.model.viewer import Action, Heard, Malformed, ViewerState

Mode = Literal["websocket", "msgpack", "sse", "poll"]
SILENCE_S = 25.0
"""A tick comes after 10 s of silence; twice that and some, and the connection is dead."""
RESYNC_TIMEOUT_S = 5.0
UNAUTHORIZED = 401
PASSING = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL})
"""Errors of the channel after which it is tried again."""
NOT_LET_IN = frozenset({ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_EXPIRED})
BEAT_S = 60.0
COUNT_MAX = 1_000_000
"""What a beat may tell of one kind."""

TokenSource = Callable[[], Awaitable[str | None]]
"""Gives the newest token; it is asked for at every attempt to connect."""


class Connection(Enum):
    """How the viewer's connection is."""

    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Update:
    """Something has changed: a message was taken, or (message None) the connection's state.

    Attributes:
        action: what the message meant.
        detail: why the connection was lost, or what is wrong with a message that could not be read.
        retry_ms: when it is made again.
    """

    connection: Connection
    message: ServerMessage | None = None
    action: Action | None = None
    detail: str = ""
    retry_ms: int = 0


@dataclass(slots=True)
class Counts:
    """What the viewer has seen.

    Attributes:
        resyncs: times that a version which did not follow on the one held made it ask again.
        malformed: messages that were none of the protocol's; they are told to the gateway (as `resyncs` are) by a `beat`.
    """

    connects: int = 0
    losses: int = 0
    snapshots: int = 0
    deltas: int = 0
    duplicates: int = 0
    resyncs: int = 0
    resumed: int = 0
    malformed: int = 0


def source_of(mode: Mode, address: Address, poll_interval_s: float = 1.0) -> Source:
    """The source for a way to watch."""
    if mode == "sse":
        return StreamSource(address)
    if mode == "poll":
        return PollingSource(address, poll_interval_s)
    return WebSocketSource(address, packed=mode == "msgpack")


class Viewer:
    """Watches a channel.

    Args:
        url: origin of the gateway, e.g. http://localhost:8080.
        mode: how.
        token: the token, or what gives the newest one; then a token that has expired is no end.
        since: a version held from before.
        snapshot_first: take the state over HTTP (cacheable) and go on live from its version.
        feed_entries: events kept.
        beat_s: between two beats, which are sent only where there is something to tell.
        random: for jitter; a number in [0, 1).
    """

    def __init__(
        self,
        url: str,
        channel: str,
        *,
        mode: Mode = "websocket",
        token: str | TokenSource | None = None,
        since: str | None = None,
        snapshot_first: bool = False,
        feed_entries: int = 200,
        poll_interval_s: float = 1.0,
        silence_s: float = SILENCE_S,
        beat_s: float = BEAT_S,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._token_source = token if callable(token) else None
        self._address = Address(url, channel, None if callable(token) else token)
        self._source = source_of(mode, self._address, poll_interval_s)
        self._polls = mode == "poll"
        self._backoff = Backoff(random)
        self._snapshot_first = snapshot_first
        self._silence_s = silence_s
        self._beat_s = beat_s
        self._beat_due_s = time.monotonic() + beat_s
        self._told = (0, 0)
        self._telling: asyncio.Task[None] | None = None
        self._resync_deadline_s: float | None = None
        self._came_back = False
        self._closed = asyncio.Event()
        self._patience: asyncio.Timeout | None = None
        self.channel = channel
        self.state = ViewerState(feed_entries)
        self.state.version = since
        self.counts = Counts()
        self.connection = Connection.CONNECTING
        self.last_error: ErrorMessage | None = None

    @property
    def doc(self) -> dict[str, Any]:
        """The document as it is now."""
        return self.state.doc

    @property
    def version(self) -> str | None:
        """The version held."""
        return self.state.version

    def close(self) -> None:
        """Ends `updates`, also while it waits; may be called from anywhere in the loop."""
        self._closed.set()
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def updates(self) -> AsyncGenerator[Update, None]:
        """Everything that happens, until `close`.

        Raises:
            Refused: the server does not serve this, and would not later.
        """
        try:
            while not self._closed.is_set():
                self.connection = Connection.CONNECTING
                yield Update(self.connection)
                try:
                    await self._renew_token()
                    if self._snapshot_first and self.version is None:
                        for update in await self._first_snapshot():
                            yield update
                    async with aclosing(self._connection()) as updates:
                        async for update in updates:
                            yield update
                except (Lost, Refused) as ending:
                    lost = self._loss(ending)
                    self.counts.losses += 1
                    self._came_back = True
                    delay_ms = self._backoff.next_ms() if lost.retry_after_ms is None else lost.retry_after_ms
                    self.connection = Connection.WAITING
                    yield Update(self.connection, detail=lost.detail, retry_ms=delay_ms)
                    await self._wait(delay_ms / 1000)
        finally:
            self.connection = Connection.CLOSED
            if self._telling is not None:
                self._telling.cancel()
                await asyncio.gather(self._telling, return_exceptions=True)

    def _loss(self, ending: Lost | Refused) -> Lost:
        """What a refusal means where there may be a better token the next time: a loss.

        Raises:
            Refused: it stays one.
        """
        if isinstance(ending, Lost):
            return ending
        if ending.status != UNAUTHORIZED or self._token_source is None:
            raise ending
        return Lost(ending.detail)

    async def run(self, on_update: Callable[[Update], None]) -> None:
        """Calls back for every update until `close`."""
        async with aclosing(self.updates()) as updates:
            async for update in updates:
                on_update(update)

    async def until(self, condition: Callable[[Viewer], bool], timeout_s: float) -> None:
        """Watches until the condition holds.

        Raises:
            TimeoutError: it does not in time.
        """
        async with asyncio.timeout(timeout_s), aclosing(self.updates()) as updates:
            async for _ in updates:
                if condition(self):
                    return

    async def _renew_token(self) -> None:
        if self._token_source is None:
            return
        try:
            self._address.token = await self._token_source()
        except Exception as error:
            raise Lost(f"no token could be had ({type(error).__name__})") from error

    async def _first_snapshot(self) -> list[Update]:
        async with http_client() as client:
            return [self._take(message) for message in await fetch_snapshot(client, self._address)]

    async def _connection(self) -> AsyncGenerator[Update, None]:
        """One connection, until it is lost or closed."""
        self._resync_deadline_s = None
        async with aclosing(self._source.messages(self.state.since)) as messages:
            while True:
                message = await self._next(messages)
                if message is None:
                    return
                # What cannot be read is no sign that the connection is a good one.
                if self.connection is not Connection.OPEN and not isinstance(message, Malformed):
                    self.connection = Connection.OPEN
                    self._backoff.connected()
                    self.counts.connects += 1
                    yield Update(self.connection)
                yield self._take(message)

    async def _next(self, messages: AsyncGenerator[Heard, None]) -> Heard | None:
        """The next message; None when the viewer was closed."""
        now_s = asyncio.get_running_loop().time()
        limit_s: float | None = None if self._polls else self._silence_s
        if self._resync_deadline_s is not None:
            limit_s = max(0.0, self._resync_deadline_s - now_s)
        try:
            async with asyncio.timeout(limit_s) as self._patience:
                if self._closed.is_set():
                    return None
                return await anext(messages)
        except TimeoutError as error:
            if self._closed.is_set():
                return None
            raise Lost("nothing was heard for too long") from error
        except StopAsyncIteration as error:
            raise Lost("the connection has ended") from error
        finally:
            self._patience = None

    def _take(self, message: Heard) -> Update:
        held = self.version
        if not isinstance(message, Malformed | Bye) and message.channel not in (None, self.channel):
            # On its way when this one was asked for.
            return Update(self.connection, message, Action.NOTED)
        action = self.state.receive(message)
        match message:
            case Malformed():
                self.counts.malformed += 1
                self._ask_again(f"a message could not be read: {message.detail}")
                self._beat()
                return Update(self.connection, action=action, detail=message.detail)
            case Bye():
                self._backoff.bye(message.retry_ms)
            case ErrorMessage():
                self.last_error = message
                if message.code in PASSING and message.channel == self.channel:
                    raise Lost(message.message)
                if message.code in NOT_LET_IN:
                    raise Refused(UNAUTHORIZED, message.message)
                if message.code in FATAL or message.channel == self.channel:
                    raise Refused(0, message.message)
            case Snapshot():
                self.counts.snapshots += 1
                self._resync_deadline_s = None
            case Delta():
                self.counts.deltas += 1
        current = action is Action.NOTED and isinstance(message, Tick)
        if action is Action.APPLIED or current:
            if self._came_back and held is not None and not isinstance(message, Snapshot):
                self.counts.resumed += 1
            self._came_back = False
            self._resync_deadline_s = None
        elif action is Action.DUPLICATE:
            self.counts.duplicates += 1
        elif action is Action.RESYNC and self._resync_deadline_s is None:
            self.counts.resyncs += 1
            self._ask_again("the versions do not fit")
        self._beat()
        return Update(self.connection, message, action)

    def _ask_again(self, why: str) -> None:
        """One question at a time; where none can be asked on this connection, on another one."""
        if self._resync_deadline_s is not None or self._polls:
            return
        self._resync_deadline_s = asyncio.get_running_loop().time() + RESYNC_TIMEOUT_S
        if not self._source.ask_again(self.state.since):
            raise Lost(f"{why}: asking again")

    def _beat(self) -> None:
        """Tells the gateway now and then what was counted, if anything was."""
        counted = (self.counts.malformed, self.counts.resyncs)
        under_way = self._telling is not None and not self._telling.done()
        if counted == self._told or time.monotonic() < self._beat_due_s or under_way:
            return
        malformed, resyncs = (min(COUNT_MAX, now - told) for now, told in zip(counted, self._told, strict=True))
        self._beat_due_s = time.monotonic() + self._beat_s
        beat = Beat(malformed=malformed, resyncs=resyncs)
        if self._source.tell(beat):
            self._told = counted
        else:
            self._telling = asyncio.create_task(self._post(beat, counted))

    async def _post(self, beat: Beat, counted: tuple[int, int]) -> None:
        if await post_beat(self._address, beat):
            self._told = counted

    async def _wait(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._closed.wait()
        except TimeoutError:
            return

"""Live sessions: from an accepted request to a parked viewer, and what a parked viewer says later.

Phases: authorise -> find the outlets (at once, or waiting for a load) -> 101 or 200 -> join each channel.
Keeps no object per viewer: a connection's grant and encoding are one number in the native table.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from gateway.access.tokens import USER_KIND, Grant
from gateway.edge.beats import count_beat
from gateway.edge.context import Context
from gateway.edge.encoding import ENCODING_BITS, Encoding
from gateway.edge.failures import BadRequest, Failure, Forbidden, RateLimited, Unavailable, UnknownChannel, response
from gateway.edge.guard import Guard
from gateway.edge.hub import Hub
from gateway.edge.moments import Moment, moment_of
from gateway.edge.outlet import Outlet
from gateway.edge.past import Past
from gateway.edge.rewinds import Rewinds, Seen
from gateway.model.errors import BadMessage
from gateway.model.messages import Beat, Unwatch, Watch, decode_viewer_json, decode_viewer_msgpack
from gateway.model.names import id_of, kind_of
from gateway.observe import metrics
from gateway.observe.log import logger

PUBLIC = 0
"""Tag of the public listeners."""
SIBLING = 1
"""Tag of the Unix socket on which the machine's other workers follow this one."""

WS = 1
SSE = 2

OPENING_MAX = 10_000
"""Handshakes that wait for a channel to load; more are answered 503."""
OPENING_TIMEOUT_S = 5.0
GRANTS_MAX = 65_536
LET_IN_AT_ONCE = 100
"""Viewers of a channel that has just begun who are let in before others have their turn."""


class Wish(NamedTuple):
    """A channel that is asked for: live from the version held, or its past from a moment on."""

    name: str
    since: str | None = None
    moment: Moment | None = None


Wanted = Sequence[Wish]
Join = tuple[Outlet, str | None]

# Looked up once: a storm of openings counts them by the thousand.
_OPENED_WS = metrics.HANDSHAKES.labels("ws")
_OPENED_SSE = metrics.HANDSHAKES.labels("sse")


class Live:
    """Opens sessions and serves what viewers ask on them."""

    def __init__(self, context: Context, hub: Hub, guard: Guard, past: Past) -> None:
        self._context = context
        self._hub = hub
        self._guard = guard
        self._secret = secrets.token_bytes(16)
        self._past = past
        self._rewinds = Rewinds(context, hub, past, self._tell, self._await_again)
        self._table = context.plane.table
        self._countries = frozenset(context.settings.page.countries)
        self._grants: list[Grant] = []
        self._grant_numbers: dict[tuple[object, ...], int] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._hold_ms = 5000
        self._beginnings = hub.beginnings
        self._beginnings.on_begun = lambda name: self._spawn(self._let_in(name))

    # -- opening -----------------------------------------------------------------------------------------------

    def open(
        self, conn: int, kind: int, head: bytes, grant: Grant, encoding: Encoding, wanted: Wanted, sibling: bool
    ) -> None:
        """Answers the handshake with `head` and makes the connection a viewer of the wanted channels.

        Raises:
            Failure: nothing was sent yet; the caller refuses the connection.
        """
        word = self._word(grant, encoding)
        if not sibling:
            joins: list[Join] = []
            for name, since, moment in wanted:
                outlet = self._hub.ready_outlet(name, grant.audience)
                if outlet is None or moment is not None:
                    break
                joins.append((outlet, since))
            else:
                self._upgrade(conn, kind, head, grant, encoding, word, joins)
                return
        if len(self._opening) >= OPENING_MAX:
            raise Unavailable("too many viewers are arriving at once")
        self._table.hold(conn)
        self._spawn(self._open_later(conn, kind, head, grant, encoding, word, wanted))

    async def _open_later(
        self, conn: int, kind: int, head: bytes, grant: Grant, encoding: Encoding, word: int, wanted: Wanted
    ) -> None:
        """Loads what is not here yet; a single unknown channel is refused before the upgrade."""
        failed: list[tuple[Wish, Failure]] = []
        joins: list[Join] = []
        rewinds: list[tuple[str, Moment]] = []
        for wish in wanted:
            name, since, moment = wish
            try:
                outlet = await self._reach(wish, grant)
            except Failure as caught:
                failed.append((wish, caught))
                continue
            if moment is not None:
                rewinds.append((name, moment))
            elif outlet is not None:
                joins.append((outlet, since))
        if failed and len(wanted) == 1:
            self.refuse(conn, failed[0][1])
            return
        self._upgrade(conn, kind, head, grant, encoding, word, joins)
        for wish, failure in failed:
            self._fail(conn, encoding, failure, wish)
        for name, moment in rewinds:
            self._rewind(conn, encoding, grant, name, moment)

    async def _outlet(self, name: str, grant: Grant, own: bool = False) -> Outlet:
        """The channel as the grant sees it, loaded if it is not here yet.

        Raises:
            Failure: there is none, or it could not be loaded in time.
        """
        try:
            async with asyncio.timeout(OPENING_TIMEOUT_S):
                return await self._hub.outlet(name, grant.audience, own=own)
        except TimeoutError:
            raise Unavailable("the channel could not be loaded in time") from None

    async def _reach(self, wish: Wish, grant: Grant, own: bool = False) -> Outlet | None:
        """The same; None where the past is wished for and the channel is in the history alone.

        Raises:
            Failure
        """
        try:
            return await self._outlet(wish.name, grant, own)
        except UnknownChannel:
            if wish.moment is None or not await self._past.remembers(wish.name):
                raise
            return None

    def _rewind(self, conn: int, encoding: Encoding, grant: Grant, name: str, moment: Moment) -> None:
        try:
            self._rewinds.begin(Seen(conn, encoding, grant.audience), name, moment)
        except Failure as failure:
            self._tell(conn, encoding, failure, name)

    def _join(self, conn: int, encoding: Encoding, grant: Grant, wish: Wish, outlet: Outlet | None) -> None:
        """Makes a parked connection a viewer of the channel as it is, or of its past."""
        self._beginnings.leave(conn, wish.name)
        if outlet is not None:
            outlet.leave(conn)
        if wish.moment is not None:
            self._rewind(conn, encoding, grant, wish.name, wish.moment)
            return
        self._rewinds.end(conn, wish.name)
        assert outlet is not None
        outlet.join(conn, encoding, wish.since, self._context.now_ms(), self._hold_ms)

    def _upgrade(
        self, conn: int, kind: int, head: bytes, grant: Grant, encoding: Encoding, word: int, joins: list[Join]
    ) -> None:
        """Parks the connection; the answer and the first channel's first frame go out by one call."""
        entry = joins[0][0].entry(encoding, joins[0][1]) if joins else None
        group, held, first = entry or (-1, 0, None)
        expires_s = grant.expires_s or 0
        if not self._table.upgrade(
            conn,
            kind,
            head,
            word,
            user=self._user(grant.subject) if "watch" in grant.scopes else 0,
            deflate=encoding.window_bits > 0,
            expires_s=expires_s,
            group=group,
            held=held,
            first=first,
        ):
            return
        (_OPENED_WS if kind == WS else _OPENED_SSE).inc()
        for outlet, since in joins if entry is None else joins[1:]:
            outlet.join(conn, encoding, since, self._context.now_ms(), self._hold_ms)

    def refuse(self, conn: int, failure: Failure) -> None:
        """Answers a connection that is not upgraded with a problem document."""
        metrics.REFUSALS.labels(failure.code.value).inc()
        self._table.refuse(conn, response(failure))

    # -- messages of viewers -----------------------------------------------------------------------------------

    def on_message(self, conn: int, opcode: int, payload: bytes) -> None:
        """One complete message of a parked viewer."""
        sibling = self._table.tag(conn) == SIBLING
        grant, encoding = self.rights(conn)
        metrics.VIEWER_MESSAGES.inc()
        try:
            message = decode_viewer_msgpack(payload) if opcode == 2 else decode_viewer_json(payload)
        except BadMessage as bad:
            self._tell(conn, encoding, BadRequest(bad.detail), None)
            return
        match message:
            case Watch():
                self._watch(conn, grant, encoding, message, sibling)
            case Unwatch():
                self._unwatch(conn, grant, message.channel)
            case Beat():
                count_beat(message, self._countries)

    def _watch(self, conn: int, grant: Grant, encoding: Encoding, message: Watch, sibling: bool) -> None:
        try:
            name = self._guard.check_channel(message.channel)
            wish = Wish(name, message.since, moment_of(message.at, message.speed) if message.at is not None else None)
            if not sibling:
                self._check_watch(conn, grant, name)
                watched = len(self._table.subscriptions(conn)) + self._beginnings.awaited(conn, besides=name)
                if watched >= self._context.settings.viewers.max_channels:
                    raise RateLimited("this connection watches as many channels as it may", "channel")
            outlet = self._hub.ready_outlet(name, grant.audience)
            seat = self._hub.seats.get(name)
            if outlet is not None and (not sibling or (seat is not None and seat.owns)):
                self._join(conn, encoding, grant, wish, outlet)
                return
            if len(self._opening) >= OPENING_MAX:
                raise Unavailable("too many viewers are arriving at once")
        except Failure as failure:
            self._tell(conn, encoding, failure, message.channel)
            return
        self._spawn(self._watch_later(conn, grant, encoding, wish, sibling))

    def _check_watch(self, conn: int, grant: Grant, name: str) -> None:
        """As the door checks it, but a parked connection's grant is shared: its user is a number beside it."""
        if kind_of(name) != USER_KIND:
            self._guard.check_scope(grant, "watch", name)
        elif "watch" not in grant.scopes or self._table.user(conn) != self._user(id_of(name)):
            raise Forbidden("a user's channel is for that user alone", "channel")

    def _user(self, subject: str) -> int:
        """The number of a user, which is kept with his connections; 0 for who is nobody in particular."""
        if not subject:
            return 0
        return int.from_bytes(blake2b(subject.encode(), digest_size=8, key=self._secret).digest(), "big")

    async def _watch_later(self, conn: int, grant: Grant, encoding: Encoding, wish: Wish, sibling: bool) -> None:
        try:
            outlet = await self._reach(wish, grant, own=sibling)
        except Failure as failure:
            if sibling:
                self._tell(conn, encoding, failure, wish.name)
            else:
                self._fail(conn, encoding, failure, wish)
        else:
            self._join(conn, encoding, grant, wish, outlet)

    def _fail(self, conn: int, encoding: Encoding, failure: Failure, wish: Wish) -> None:
        """Tells a parked viewer of the failure; what does not exist yet it waits for."""
        self._tell(conn, encoding, failure, wish.name)
        if isinstance(failure, UnknownChannel) and wish.moment is None:
            self._await_again(conn, wish.name, wish.since)

    def _await_again(self, conn: int, name: str, since: str | None) -> None:
        """A parked viewer waits for a channel that there is not (any more)."""
        if name not in self._hub.seats and self._table.kind(conn) == WS:
            self._beginnings.wait(name, conn, since)

    async def _let_in(self, name: str) -> None:
        """A channel has begun: those who wait for it watch it."""
        for number, conn in enumerate(self._beginnings.waiting(name), start=1):
            if number % LET_IN_AT_ONCE == 0:
                await asyncio.sleep(0)
            if not self._beginnings.waits(conn, name):
                continue
            grant, encoding = self.rights(conn)
            try:
                outlet = await self._outlet(name, grant)
            except UnknownChannel:
                # Gone as soon as it came: waiting goes on.
                return
            except Failure as failure:
                if self._beginnings.waits(conn, name):
                    self._beginnings.leave(conn, name)
                    self._tell(conn, encoding, failure, name)
                continue
            if self._beginnings.waits(conn, name):
                self._join(conn, encoding, grant, Wish(name, self._beginnings.leave(conn, name)), outlet)

    def _unwatch(self, conn: int, grant: Grant, channel: str) -> None:
        self._rewinds.end(conn, channel)
        self._beginnings.leave(conn, channel)
        outlet = self._hub.ready_outlet(channel, grant.audience)
        if outlet is not None:
            outlet.leave(conn)

    def _tell(self, conn: int, encoding: Encoding, failure: Failure, channel: str | None) -> None:
        metrics.REFUSALS.labels(failure.code.value).inc()
        if not self._table.send(conn, self._context.encoder.frame(failure.message(channel), encoding)):
            metrics.DROPPED_ERRORS.inc()

    # -- bookkeeping -------------------------------------------------------------------------------------------

    def on_closed(self, conn: int, reason: str) -> None:
        """The connection is gone."""
        metrics.CLOSED.labels(reason).inc()
        if reason == RateLimited.code.value:
            metrics.REFUSALS.labels(reason).inc()
        self._rewinds.end(conn)
        self._beginnings.gone(conn)

    def _word(self, grant: Grant, encoding: Encoding) -> int:
        """The number kept with the connection: which grant, which encoding."""
        key = (grant.scopes, grant.channels, grant.audience, grant.subject == "")
        number = self._grant_numbers.get(key)
        if number is None:
            if len(self._grants) >= GRANTS_MAX:
                raise Unavailable("this worker knows as many different grants as it may")
            number = self._grant_numbers[key] = len(self._grants)
            self._grants.append(grant)
        return number << ENCODING_BITS | encoding

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._context.loop.create_task(work)
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            metrics.BUGS.inc()
            logger.error("session_failed", exc_info=error)

    def rights(self, conn: int) -> tuple[Grant, Encoding]:
        """What the viewer of a parked connection may do, and how it reads."""
        word = self._table.grant(conn)
        return self._grants[word >> ENCODING_BITS], _encoding(word)

    def rewinding(self) -> dict[str, int]:
        """Viewers of the past by channel."""
        return self._rewinds.counts()

    def close(self) -> None:
        """Forgets the sessions that are still opening."""
        for task in self._opening:
            task.cancel()
        self._rewinds.close()


def _encoding(word: int) -> Encoding:
    return Encoding(word & ((1 << ENCODING_BITS) - 1))


__all__ = ["PUBLIC", "SIBLING", "SSE", "WS", "Live", "UnknownChannel", "Wish"]

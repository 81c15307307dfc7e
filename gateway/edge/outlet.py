"""An outlet: one audience of one channel on this worker, from its view to its viewers.

Owns the view, one fan-out group an encoding, the frames shared by their viewers, and the viewers that wait for
a version this worker has not reached. Phases of a viewer: join (snapshot, delta or hold) -> current -> behind -> caught up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.edge.encoding import Encoder, Encoding, payload_of
from gateway.edge.plane import Plane
from gateway.model.audience import Audience
from gateway.model.messages import Bye, Delta, ServerMessage, Snapshot, Status, Tick
from gateway.model.view import View
from gateway.observe import metrics
from native.frames import Frame

# More distinct catch-ups than this for one flush, and the shared snapshot is cheaper than composing another.
CATCH_UP_VARIANTS = 64
HOLDS_PER_OUTLET = 10_000


@dataclass(frozen=True, slots=True)
class Resume:
    """How a viewer that holds `since` goes on: deltas, nothing (current), waiting (hold) or a snapshot and why."""

    kind: str
    deltas: tuple[Delta, ...] = ()
    reason: str = ""


CURRENT = Resume("current")
HOLD = Resume("hold")
JOIN = Resume("snapshot", reason="join")

# Looked up once: a storm of openings counts them by the thousand.
_JOINED = metrics.SNAPSHOTS.labels("join")
_RESUMED_CURRENT = metrics.RESUMES.labels("current")
_RESUMED_BY_DELTA = metrics.RESUMES.labels("delta")


@dataclass(slots=True)
class Held:
    """A joiner whose version lies ahead of this worker."""

    conn: int
    encoding: Encoding
    since: str
    deadline_ms: int


class Keeper(Protocol):
    """What an outlet asks and tells."""

    def resume(self, outlet: Outlet, since: str) -> Resume:
        """How to go on from a version that the view does not know."""
        ...

    def look_in(self, wait_ms: float) -> None:
        """Somebody waits: holds are to be looked at in so many ms at the latest."""
        ...

    def on_viewers(self) -> None:
        """Viewers have come or gone."""
        ...


class Outlet:
    """Serves one audience of one channel.

    Args:
        view: what the audience sees; advanced by the channel's source, never by the outlet.
        plane: the worker's data plane.
        encoder: makes the worker's frames.
        keeper: the seat, which answers for the source.
    """

    def __init__(
        self,
        view: View,
        audience: Audience,
        plane: Plane,
        encoder: Encoder,
        keeper: Keeper,
    ) -> None:
        self.view = view
        self.audience = audience
        self.status = Status(channel=view.channel, status="live", behind_ms=0)
        self.on_drained: Callable[[], None] | None = None
        self._plane = plane
        self._encoder = encoder
        self._keeper = keeper
        self._groups: dict[Encoding, int] = {}
        """In the order in which they are sent to: siblings first."""
        self._encodings: dict[int, Encoding] = {}
        self._under_way = 0
        """Groups to which a frame is on its way."""
        self._sent_seq = view.flush_seq
        self._latest: tuple[int, Delta, bytes | None] | None = None
        self._frames: dict[tuple[Encoding, str, int | str], Frame] = {}
        self._frames_seq = -1
        self._aside: dict[str, ServerMessage] = {}
        self._holds: list[Held] = []

    # -- the source's side -------------------------------------------------------------------------------------

    def advanced(self, delta: Delta | None, json_payload: bytes | None = None) -> None:
        """The view has moved: by `delta`, or by a new state that replaces the old (None)."""
        self._latest = (self.view.flush_seq, delta, json_payload) if delta is not None else None
        self._pump()
        if not self._under_way:
            # It is out; kept on, it would be one more object a channel that lives until the next flush.
            self._latest = None
        if self._holds:
            self.settle_holds()

    def set_status(self, status: Status) -> None:
        """Tells viewers of a new status."""
        self.status = status
        self._frames_seq = -1
        self.tell(status)

    def tick(self) -> None:
        """Tells viewers in a quiet time that they are up to date."""
        if self.view.version is not None:
            self.tell(Tick(channel=self.view.channel, version=self.view.version))

    def tell(self, message: Status | Tick | Bye) -> None:
        """Sends what moves no version; of a kind, the last one wins while a frame is under way."""
        self._aside[type(message).__name__] = message
        self._pump()

    @property
    def busy(self) -> bool:
        """Whether a frame is still on its way to some viewers."""
        return self._under_way > 0

    @property
    def waiting(self) -> int:
        """Joiners whose version lies ahead of the view."""
        return len(self._holds)

    @property
    def viewers(self) -> int:
        """Connections that watch through this outlet, those that wait for a version included."""
        count = len(self._holds)
        for group in self._groups.values():
            count += self._plane.table.group_size(group)
        return count

    @property
    def people(self) -> int:
        """Viewers that are no siblings: each of those counts its own."""
        count = 0
        for encoding, group in self._groups.items():
            if encoding is not Encoding.SIBLING:
                count += self._plane.table.group_size(group)
        for held in self._holds:
            count += held.encoding is not Encoding.SIBLING
        return count

    @property
    def behind(self) -> int:
        """Viewers whose socket is full."""
        return sum(self._plane.table.group_behind(group) for group in self._groups.values())

    @property
    def groups(self) -> Mapping[int, Encoding]:
        """Its fan-out groups with what each sends."""
        return self._encodings

    def close(self) -> None:
        """Gives its empty groups back."""
        for group in self._groups.values():
            self._plane.close_group(group)
        self._groups.clear()
        self._encodings.clear()

    # -- joining -----------------------------------------------------------------------------------------------

    def join(self, conn: int, encoding: Encoding, since: str | None, now_ms: int, hold_ms: int) -> None:
        """Makes the connection a viewer: from `since` where that can be, else from a snapshot."""
        resume = self.resume(since)
        if resume.kind == "hold":
            if len(self._holds) < HOLDS_PER_OUTLET:
                self._holds.append(Held(conn, encoding, since or "", now_ms + hold_ms))
                self._keeper.look_in(hold_ms)
                return
            resume = Resume("snapshot", reason="holds_full")
        self._admit(conn, encoding, resume)

    def entry(self, encoding: Encoding, since: str | None) -> tuple[int, int, Frame] | None:
        """Where and how a new connection begins: group, flush and first frame; None: it has to wait for its version."""
        frame = self._made(encoding, since)
        if frame is None:
            resume = self.resume(since)
            if resume.kind == "hold":
                return None
            frame = self._frame_for(encoding, resume)
        return self._group(encoding), self.view.flush_seq, frame

    def _made(self, encoding: Encoding, since: str | None) -> Frame | None:
        """The frame that others with the same version have got since the last flush: a crowd that comes back asks alike."""
        if since is None or self._frames_seq != self.view.flush_seq:
            return None
        frame = self._frames.get((encoding, "since", since))
        if frame is not None:
            _RESUMED_BY_DELTA.inc()
        return frame

    def leave(self, conn: int) -> bool:
        """Ends the connection's watch; False when it did not watch."""
        before = len(self._holds)
        self._holds = [held for held in self._holds if held.conn != conn]
        left = before != len(self._holds)
        for group in self._groups.values():
            left = self._plane.table.unsubscribe(conn, group) or left
        return left

    def resume(self, since: str | None) -> Resume:
        """How to go on from `since`; the view answers first, then the source."""
        if since is None:
            return JOIN
        if since == self.view.version:
            return CURRENT
        delta = self.view.delta_since(since)
        if delta is not None:
            return Resume("delta", (delta,))
        return self._keeper.resume(self, since)

    def expire_holds(self, now_ms: int) -> float:
        """Gives a snapshot to those who waited too long; in how many ms others will have (infinity: nobody waits)."""
        if not self._holds:
            return math.inf
        late = [held for held in self._holds if held.deadline_ms <= now_ms]
        if late:
            self._holds = [held for held in self._holds if held.deadline_ms > now_ms]
            for held in late:
                self._admit(held.conn, held.encoding, Resume("snapshot", reason="ahead"))
        return min((held.deadline_ms - now_ms for held in self._holds), default=math.inf)

    def settle_holds(self) -> None:
        """Lets those go on who need not wait any longer."""
        waiting: list[Held] = []
        for held in self._holds:
            resume = self.resume(held.since)
            if resume.kind == "hold":
                waiting.append(held)
            else:
                self._admit(held.conn, held.encoding, resume)
        self._holds = waiting

    def _admit(self, conn: int, encoding: Encoding, resume: Resume) -> None:
        frame = self._frame_for(encoding, resume)
        self._plane.table.subscribe(conn, self._group(encoding), self.view.flush_seq, frame)

    def _frame_for(self, encoding: Encoding, resume: Resume) -> Frame:
        if resume.kind == "delta":
            _RESUMED_BY_DELTA.inc()
            return self._shared(encoding, "since", resume.deltas[0].from_, [*resume.deltas, self.status])
        if resume.kind == "current":
            _RESUMED_CURRENT.inc()
            return self._shared(encoding, "current", 0, self._current())
        if resume is JOIN:
            _JOINED.inc()
        else:
            metrics.SNAPSHOTS.labels(resume.reason).inc()
        return self._snapshot(encoding)

    def _current(self) -> list[ServerMessage]:
        assert self.view.version is not None
        return [Tick(channel=self.view.channel, version=self.view.version), self.status]

    # -- frames ------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The state that a new viewer starts from."""
        return self.view.snapshot(self.status.status)

    def _snapshot(self, encoding: Encoding) -> Frame:
        return self._shared(encoding, "snapshot", 0, None)

    def _shared(self, encoding: Encoding, kind: str, key: int | str, messages: list[ServerMessage] | None) -> Frame:
        """The frame cached for this flush; `messages` None stands for the snapshot."""
        if self._frames_seq != self.view.flush_seq:
            self._frames.clear()
            self._frames_seq = self.view.flush_seq
        cached = self._frames.get((encoding, kind, key))
        if cached is not None:
            return cached
        if messages is not None and kind == "since" and len(self._frames) >= CATCH_UP_VARIANTS:
            return self._snapshot(encoding)
        frame = self._encoder.frames(messages if messages is not None else [self.snapshot()], encoding)
        self._frames[(encoding, kind, key)] = frame
        return frame

    def _group(self, encoding: Encoding) -> int:
        group = self._groups.get(encoding)
        if group is None:
            group = self._plane.open_group(self)
            if encoding is Encoding.SIBLING:
                self._groups = {encoding: group, **self._groups}
            else:
                self._groups[encoding] = group
            self._encodings[group] = encoding
        return group

    # -- fan-out -----------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Starts what waits: asides first, then all that came since the last frame as one delta."""
        if self._under_way:
            return
        if self._aside:
            messages = list(self._aside.values())
            self._aside.clear()
            for encoding, group in self._populated():
                self._under_way += self._plane.send_aside(group, self._encoder.frames(messages, encoding))
            if self._under_way:
                return
        if self._sent_seq == self.view.flush_seq:
            return
        from_seq, self._sent_seq = self._sent_seq, self.view.flush_seq
        groups = self._populated()
        if not groups:
            return
        message, json_payload = self._next_message(from_seq)
        payloads = {Encoding.JSON: json_payload} if json_payload is not None else {}
        for encoding, group in groups:
            if message is not None:
                form = encoding.payload_form
                if form not in payloads:
                    payloads[form] = payload_of(message, form)
                frame = self._encoder.frame(message, encoding, payloads[form])
            else:
                frame = self._snapshot(encoding)
            self._under_way += self._plane.send(group, frame, from_seq, self._sent_seq)

    def _next_message(self, from_seq: int) -> tuple[Delta | None, bytes | None]:
        if self._latest is not None and self._latest[0] == self._sent_seq and from_seq + 1 == self._sent_seq:
            return self._latest[1], self._latest[2]
        since = self.view.version_at(from_seq)
        return (self.view.delta_since(since) if since is not None else None), None

    def _populated(self) -> list[tuple[Encoding, int]]:
        return [(e, g) for e, g in self._groups.items() if self._plane.table.group_size(g)]

    def on_idle(self, group: int) -> None:
        """The frame under way has reached everybody who can take it."""
        self._under_way -= 1
        self._pump()
        if not self._under_way and self.on_drained is not None:
            self.on_drained()

    def on_members(self) -> None:
        """Members of its groups have come or gone."""
        self._keeper.on_viewers()

    def catch_up(self, group: int, held: int) -> None:
        """Viewers of `group` that were behind at flush `held` can be written to again."""
        encoding = self._encodings[group]
        since = self.view.version_at(held) if held else None
        delta = self.view.delta_since(since) if since is not None else None
        if since is not None and since == self.view.version:
            frame = self._shared(encoding, "current", 0, self._current())
        elif delta is not None:
            frame = self._shared(encoding, "since", delta.from_, [delta, self.status])
        else:
            frame = self._snapshot(encoding)
            metrics.SNAPSHOTS.labels("behind").inc()
        served = self._plane.fanout.serve(group, held, frame, self.view.flush_seq)
        metrics.CONFLATED.inc(served)

"""A channel's full document: folds entries, keeps a bounded ring of what each did, and answers for its history. Sans-IO.

A view (view.py) is what an audience sees of it. Time is given; nothing here reads a clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.model.audience import Audience
from gateway.model.entry import Entry, EntryLimits, Event, decode_events, entry_digest_of
from gateway.model.errors import BadKeyframe, BadVersion, MalformedEntry
from gateway.model.patch import Patch, compose, fold, pack, strip_nulls, unpack, weight
from gateway.model.rules import TRANSIENT_OPS, VIEWERS_OP, Points, Rules, load_rules
from gateway.model.version import Position, Version, mix, roll

KEYFRAME_FORM = 1


class ChannelLimits(EntryLimits, frozen=True, kw_only=True):
    """What one channel may keep in memory."""

    ring_entries: int = 1024
    ring_bytes: int = 2_097_152
    feed_entries: int = 50
    max_document_nodes: int = 200_000


Scored = tuple[dict[str, Any], Points]
"""An event's public fields, and its points by metric and member."""


class Folded(msgspec.Struct, frozen=True, gc=False):
    """What became of one entry.

    Args:
        kind: applied, reset, duplicate or malformed.
        gap: entries before this one are missing.
        opened: the document was begun anew (a new epoch), whatever became of the entry itself.
        reason: why it is malformed (entry.REASONS).
        patch: what it did to the document, grounded on it.
        events: its public events, without transient ones.
        points: by board and member.
        published: it came from the publisher, not from the gateway itself.
        entry_digest: the entry's own digest (entry.entry_digest_of).
        scored: the events that brought points: their public fields, and what they brought.
        document: after the entry.
    """

    kind: str
    gap: bool = False
    opened: bool = False
    reason: str = ""
    patch: Any = {}
    events: list[dict[str, Any]] = []
    points: Points = {}
    published: bool = True
    entry_digest: int = 0
    scored: list[Scored] = []
    document: dict[str, Any] = {}


class RingEntry(msgspec.Struct, frozen=True, gc=False):
    """One folded entry.

    Args:
        patch: packed.
        raw: the entry's bytes, for its events; empty where it has none to show.
    """

    position: Position
    digest: int
    entry_digest: int
    patch: Any
    raw: bytes

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return weight(self.patch) + len(self.raw) + 300


DUPLICATE = Folded("duplicate")


class Channel:
    """One channel's document and recent history.

    Args:
        limits: bounds of the ring, the feed and single entries.
        rules: finds rules by name.
        ring: False for a channel of which only the document is wanted.
    """

    def __init__(
        self,
        name: str,
        limits: ChannelLimits,
        rules: Callable[[str], Rules] = load_rules,
        ring: bool = True,
    ) -> None:
        self.name = name
        self.limits = limits
        self.doc: dict[str, Any] = {}
        self.position: Position | None = None
        self.digest = 0
        self.arrived_ms = self.published_ms = 0
        self.feed: deque[dict[str, Any]] = deque(maxlen=limits.feed_entries)
        self.keyframe_entry_digest: int | None = None
        self._last_entry_digest = 0
        self._load_rules = rules
        self._rules_name = "scoreboard"
        self._rules = rules("scoreboard")
        self._keeps_ring = ring
        self._ring: deque[RingEntry] = deque()
        self._ring_bytes = 0
        self._first_index = 0

    @property
    def status_word(self) -> str:
        """The document's own status, `live` where it has none."""
        status = self.doc.get("status")
        return status if isinstance(status, str) else "live"

    # -- folding -----------------------------------------------------------------------------------------------

    def misses(self, position: Position) -> bool:
        """Whether entries are missing between the newest one folded and that at `position`."""
        last = self.position
        if last is None or position.epoch != last.epoch:
            return position.seq != 0
        return position.seq > last.seq + 1

    def fold(self, entry: Entry, arrived_ms: int) -> Folded:
        """Takes the next entry; position and digest move even when it is malformed."""
        position, last = entry.position, self.position
        if last is not None and position <= last:
            return DUPLICATE
        opens = last is None or position.epoch != last.epoch
        gap = self.misses(position)
        if opens:
            self._open_epoch()
        digest = entry_digest_of(entry)
        self.position, self.digest, self.arrived_ms = position, roll(self.digest, digest), arrived_ms
        self._last_entry_digest = digest
        before = self.doc
        try:
            folded = self._fold_events(decode_events(entry.raw, self.limits), opens, gap, digest)
        except MalformedEntry as malformed:
            self.doc = before
            folded = Folded("malformed", gap, opens, malformed.reason, entry_digest=digest)
        if folded.published:
            self.published_ms = arrived_ms
        if self._keeps_ring:
            raw = entry.raw if folded.events else b""
            self._remember(RingEntry(position, self.digest, digest, pack(folded.patch), raw))
        return folded

    def _open_epoch(self) -> None:
        """A new epoch knows nothing of the old one."""
        self.doc = {}
        self.digest = 0
        self.feed.clear()
        self._first_index += len(self._ring)
        self._ring.clear()
        self._ring_bytes = 0
        self._rules_name, self._rules = "scoreboard", self._load_rules("scoreboard")

    def _fold_events(self, events: list[Event], opens: bool, gap: bool, entry_digest: int) -> Folded:
        reset, published = False, False
        if events[0].op == "reset":
            if not opens or gap:
                raise MalformedEntry("reset_in_epoch")
            state = events[0].state
            assert state is not None
            rules = self._load_rules(events[0].rules)
            self._rules_name, self._rules = events[0].rules, rules
            self.doc = strip_nulls(state)
            reset = True
        patch: Patch = {}
        shown: list[dict[str, Any]] = []
        scored: list[Scored] = []
        document = self.doc
        for event in events[1:] if reset else events:
            if event.op == "reset":
                raise MalformedEntry("reset_in_epoch")
            change, points = event.patch, event.points
            if change is None or points is None:
                derived, counted = self._rules(document, event)
                change = derived if change is None else change
                points = counted if points is None else points
            if change:
                document, grounded = fold(document, change)
                patch = compose(patch, grounded) if patch else grounded
            if points:
                scored.append((event.public, points))
            published = published or event.op != VIEWERS_OP
            if event.op not in TRANSIENT_OPS:
                shown.append(event.public)
        self.doc = document
        self.feed.extend(shown)
        total = scored[0][1] if len(scored) == 1 else _sum(scored)
        if reset:
            return Folded("reset", gap, True, "", patch, shown, total, True, entry_digest, scored, document)
        # Without its reset an epoch is still applied, on an empty document; operators are told why it looks so.
        reason = "epoch_without_reset" if opens and not gap else ""
        return Folded("applied", gap, opens, reason, patch, shown, total, published, entry_digest, scored, document)

    def _remember(self, entry: RingEntry) -> None:
        ring = self._ring
        ring.append(entry)
        self._ring_bytes += entry.size_bytes
        self._trim()

    def _trim(self) -> None:
        ring = self._ring
        while len(ring) > self.limits.ring_entries or (self._ring_bytes > self.limits.ring_bytes and len(ring) > 1):
            self._ring_bytes -= ring.popleft().size_bytes
            self._first_index += 1

    # -- history -----------------------------------------------------------------------------------------------

    def newest_index(self) -> int:
        """The index of the newest entry, as `between` takes it."""
        return self._first_index + len(self._ring) - 1

    def lookup(self, version: Version, audience: Audience) -> int | None:
        """The index of the entry after which the audience's version was this one; None when it is not in the ring."""
        if not self._ring:
            return None
        first, newest = self._ring[0], self._ring[-1]
        if version.position < first.position or version.position > newest.position:
            return None
        # Entries are contiguous but for gaps, so the guess is right but for gaps; then look on.
        guess = version.position.seq - first.position.seq
        for offset in range(min(guess, len(self._ring) - 1), -1, -1):
            entry = self._ring[offset]
            if entry.position == version.position:
                matches = mix(entry.digest, audience.key) == version.digest
                return self._first_index + offset if matches else None
            if entry.position < version.position:
                return None
        return None

    def between(self, start: int, end: int) -> tuple[Patch, list[dict[str, Any]], int]:
        """What happened after entry `start` up to entry `end`: composed patch, newest events, events left out."""
        patch: Patch = {}
        events: list[dict[str, Any]] = []
        for index in range(start + 1, end + 1):
            entry = self._ring[index - self._first_index]
            step = unpack(entry.patch)
            if step:
                patch = compose(patch, step) if patch else step
            if entry.raw:
                shown = decode_events(entry.raw, self.limits)
                events.extend(event.public for event in shown if event.op not in TRANSIENT_OPS)
        kept = self.limits.feed_entries
        skipped = max(0, len(events) - kept)
        return patch, events[skipped:], skipped

    def confirms(self, entry: Entry) -> bool | None:
        """Whether the history folded here has this entry at its position; None when that is not known any more."""
        if self.position is None:
            return None
        if entry.position == self.position:
            return entry_digest_of(entry) == self._last_entry_digest
        for known in reversed(self._ring):
            if known.position == entry.position:
                return entry_digest_of(entry) == known.entry_digest
        return None

    # -- keyframes ---------------------------------------------------------------------------------------------

    def keyframe(self) -> bytes:
        """The channel as bytes: document, feed, and what confirms its history."""
        if self.position is None:
            raise ValueError("nothing has been folded yet")
        return msgspec.msgpack.encode(
            {
                "form": KEYFRAME_FORM,
                "channel": self.name,
                "position": str(self.position),
                "digest": self.digest,
                "entry_digest": self._last_entry_digest,
                "arrived_ms": self.arrived_ms,
                "rules": self._rules_name,
                "doc": self.doc,
                "feed": list(self.feed),
            }
        )

    @classmethod
    def from_keyframe(
        cls,
        data: bytes,
        name: str,
        limits: ChannelLimits,
        rules: Callable[[str], Rules] = load_rules,
        ring: bool = True,
    ) -> Channel:
        """The channel that a keyframe holds.

        Raises:
            BadKeyframe
        """
        try:
            frame = msgspec.msgpack.decode(data, type=_Keyframe)
            position = Position.parse(frame.position)
            channel = cls(name, limits, rules, ring)
            channel._rules_name, channel._rules = frame.rules, rules(frame.rules)
        except (msgspec.DecodeError, BadVersion, MalformedEntry) as error:
            raise BadKeyframe(type(error).__name__) from error
        if frame.form != KEYFRAME_FORM or frame.channel != name:
            raise BadKeyframe("another form or channel")
        channel.doc, channel.position, channel.digest = frame.doc, position, frame.digest
        channel.feed.extend(frame.feed)
        channel.arrived_ms = channel.published_ms = frame.arrived_ms
        channel.keyframe_entry_digest = channel._last_entry_digest = frame.entry_digest
        if ring:
            # The keyframe's own version can be resumed from.
            channel._remember(RingEntry(position, frame.digest, frame.entry_digest, b"{}", b""))
        return channel

    def memory_bytes(self) -> int:
        """About how much the ring and the document hold: entry bytes with their overhead, and the document's own."""
        return 2_000 + self._ring_bytes + _size(self.doc) + sum(_size(event) for event in self.feed)


def _sum(scored: list[Scored]) -> dict[str, dict[str, int]]:
    """Points of several events."""
    total: dict[str, dict[str, int]] = {}
    for _, points in scored:
        for board, members in points.items():
            known = total.setdefault(board, {})
            for member, increment in members.items():
                known[member] = known.get(member, 0) + increment
    return total


class _Keyframe(msgspec.Struct):
    form: int
    channel: str
    position: str
    digest: int
    entry_digest: int
    arrived_ms: int
    rules: str
    doc: dict[str, Any]
    feed: list[dict[str, Any]]


def _size(value: Any) -> int:
    """A rough size of a JSON value in memory."""
    if isinstance(value, dict):
        return 120 + sum(60 + len(key) + _size(member) for key, member in value.items())
    if isinstance(value, list):
        return 64 + sum(8 + _size(member) for member in value)
    return 56 + len(value) if isinstance(value, str) else 32

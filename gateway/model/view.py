"""A view: what one audience of one channel sees now, and a bounded ring of the deltas that led there. Sans-IO.

An owner advances it with what it folded, a follower with the deltas that it receives; both resume viewers from it.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from gateway.model.audience import Audience
from gateway.model.messages import Delta, Snapshot
from gateway.model.patch import Patch, apply, compose, fold, pack, to_merge_patch, unpack, weight

RING_BYTES = 4_000_000
"""JSON that a view's ring may hold; with the number of flushes it bounds the ring's memory."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode


class Flush(msgspec.Struct, frozen=True, gc=False):
    """One step of the view.

    Args:
        patch: packed.
        events: as JSON; empty when there are none.
    """

    from_version: str
    version: str
    patch: Any
    events: bytes
    skipped: int

    @property
    def size_bytes(self) -> int:
        """About how many bytes of JSON it is."""
        return weight(self.patch) + len(self.events) + 80


class View:
    """What one audience sees of one channel.

    Args:
        ring_entries: flushes kept.
        feed_entries: events of a snapshot's feed and of one delta.
    """

    def __init__(self, channel: str, audience: Audience, ring_entries: int, feed_entries: int) -> None:
        self.channel = channel
        self.audience = audience
        self.head = b'{"type":"delta","channel":%b,"from":"' % _encode(channel)
        """How each of its deltas begins as JSON."""
        self.doc: dict[str, Any] = {}
        self.version: str | None = None
        self.flush_seq = 0
        self.feed: deque[dict[str, Any]] = deque(maxlen=feed_entries)
        self._feed_entries = feed_entries
        self._ring_entries = ring_entries
        self._ring: deque[Flush] = deque()
        self._ring_bytes = 0
        self._seqs: dict[str, int] = {}

    def replace(self, doc: dict[str, Any], version: str, feed: list[dict[str, Any]]) -> None:
        """A new state: nothing leads to it from what viewers hold."""
        self.doc, self.version = doc, version
        self.feed.clear()
        self.feed.extend(feed)
        self.flush_seq += 1
        self._ring.clear()
        self._seqs.clear()
        self._ring_bytes = 0
        self._seqs[version] = self.flush_seq

    def advance(
        self,
        patch: Patch,
        events: list[dict[str, Any]],
        skipped: int,
        version: str,
        force: bool = False,
        doc: dict[str, Any] | None = None,
    ) -> Delta | None:
        """Takes a projected, grounded patch to `version`; None when there is nothing to see (unless forced).

        Viewers then keep the version that they hold: to this audience it is still the newest. `doc` is the patched document where
        the caller has it: an audience that nothing is hidden from shares the channel's.
        """
        if self.version is None:
            raise ValueError("a view begins with a state")
        if version == self.version or (not patch and not events and not skipped and not force):
            return None
        return self._step(apply(self.doc, patch) if doc is None else doc, patch, events, skipped, version)

    def receive(self, delta: Delta) -> Delta:
        """Takes a delta whose `from` is the version held; returns it."""
        doc, grounded = fold(self.doc, delta.patch)
        self._step(doc, grounded, delta.events, delta.skipped, delta.version)
        return delta

    def _step(
        self, doc: dict[str, Any], patch: Patch, events: list[dict[str, Any]], skipped: int, version: str
    ) -> Delta:
        assert self.version is not None
        kept = pack(patch)
        flush = Flush(self.version, version, kept, _encode(events) if events else b"", skipped)
        self.doc, self.version = doc, version
        self.feed.extend(events)
        self.flush_seq += 1
        self._ring.append(flush)
        self._seqs[version] = self.flush_seq
        self._ring_bytes += flush.size_bytes
        self._trim()
        return self.delta_of(flush.from_version, patch, events, skipped, version)

    def _trim(self) -> None:
        while len(self._ring) > self._ring_entries or (self._ring_bytes > RING_BYTES and len(self._ring) > 1):
            gone = self._ring.popleft()
            self._ring_bytes -= gone.size_bytes
            self._seqs.pop(gone.from_version, None)

    def delta_of(self, since: str, patch: Patch, events: list[dict[str, Any]], skipped: int, version: str) -> Delta:
        """The message that says it."""
        return Delta(
            channel=self.channel,
            from_=since,
            version=version,
            patch=to_merge_patch(patch),
            events=events,
            skipped=skipped,
        )

    def snapshot(self, status: str) -> Snapshot:
        """The whole state as a message."""
        assert self.version is not None
        return Snapshot(self.channel, self.version, self.doc, list(self.feed), status)

    def delta_since(self, version: str) -> Delta | None:
        """One conflated delta from `version` to the newest; None when it is not in the ring, or is the newest."""
        seq = self._seqs.get(version)
        if seq is None or seq == self.flush_seq or self.version is None:
            return None
        patch: Patch = {}
        events: list[dict[str, Any]] = []
        skipped = 0
        first_seq = self.flush_seq - len(self._ring)
        for offset in range(seq - first_seq, len(self._ring)):
            flush = self._ring[offset]
            step = unpack(flush.patch)
            patch = compose(patch, step) if patch else step
            if flush.events:
                events.extend(_decode(flush.events))
            skipped += flush.skipped
        over = max(0, len(events) - self._feed_entries)
        return self.delta_of(version, patch, events[over:], skipped + over, self.version)

    def version_at(self, flush_seq: int) -> str | None:
        """The version after that flush; None when it is not in the ring."""
        offset = flush_seq - (self.flush_seq - len(self._ring)) - 1
        if 0 <= offset < len(self._ring):
            return self._ring[offset].version
        if offset == -1:
            return self._ring[0].from_version if self._ring else self.version
        return None

    def flush_seq_of(self, version: str) -> int | None:
        """The flush after which viewers held `version`."""
        return self._seqs.get(version)

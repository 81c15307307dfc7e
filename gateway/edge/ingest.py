"""HTTP ingest: events of publishers without a store client, checked and appended as one entry.

Limits size, rate and shape before the store is asked; the store itself fences epochs and repeated idempotency keys.
"""

from __future__ import annotations

import re

import msgspec

from gateway.access.rate import TokenBuckets
from gateway.bus.errors import BusError, Fenced, WrongType
from gateway.bus.publisher import Publisher
from gateway.edge.context import Context
from gateway.edge.failures import BadRequest, Conflict, RateLimited, Unavailable, Unprocessable
from gateway.model.entry import Event, decode_events
from gateway.model.errors import MalformedEntry
from gateway.observe import metrics

KEY_RE = re.compile(r"[\x21-\x7e]{1,128}")
PUBLISHERS_MAX = 10_000


class Published(msgspec.Struct):
    """The answer to a publisher: where its entry stands in the stream."""

    epoch: int
    id: str
    events: int
    duplicate: bool = False


class Ingest:
    """Appends for publishers.

    Args:
        publisher: the writing side of the bus; None where the gateway may not write.
    """

    def __init__(self, context: Context, publisher: Publisher | None) -> None:
        self._context = context
        self._publisher = publisher
        rate = context.settings.ingest.events_per_s
        self._buckets = TokenBuckets(rate, rate * 2, PUBLISHERS_MAX)

    async def publish(
        self,
        channel: str,
        body: bytes,
        *,
        content_type: str,
        epoch: str | None,
        idempotency_key: str | None,
        publisher: str,
    ) -> Published:
        """Checks and appends a body of one event, a list, or NDJSON.

        Raises:
            Failure: with the field that is wrong.
        """
        if self._publisher is None:
            raise Unavailable("this gateway does not take events")
        raw = _as_json(body, content_type)
        events = self._check(raw)
        opens_epoch = events[0].op == "reset"
        if any(event.op == "reset" for event in events[1:]):
            raise Unprocessable("reset opens an epoch and stands first", "events")
        if idempotency_key is not None and not KEY_RE.fullmatch(idempotency_key):
            raise Unprocessable("at most 128 printable ASCII characters", "idempotency-key")
        number = _epoch(epoch)
        if not self._buckets.take(publisher, len(events), self._context.loop.time()):
            raise RateLimited("more events a second than this publisher may send")
        try:
            position, duplicate = await self._publisher.append_idempotent(
                channel, number, idempotency_key, raw, self._context.now_ms(), opens_epoch
            )
        except Fenced as fenced:
            raise Conflict(f"a higher epoch exists: {fenced.current_epoch}", "epoch") from None
        except WrongType:
            raise Conflict("the channel's key in the store is not a stream", "channel") from None
        except BusError:
            raise Unavailable("the store cannot be written to now") from None
        metrics.INGESTED.inc(0 if duplicate else len(events))
        return Published(position.epoch, str(position), len(events), duplicate)

    def _check(self, raw: bytes) -> list[Event]:
        try:
            return decode_events(raw, self._context.channel_limits)
        except MalformedEntry as malformed:
            metrics.MALFORMED.labels(malformed.reason).inc()
            raise Unprocessable(f"not an event: {malformed.reason}", "events") from None


def _epoch(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Unprocessable("an epoch is a whole number", "epoch")
    return int(text)


def _as_json(body: bytes, content_type: str) -> bytes:
    """The body as one JSON value: NDJSON becomes a list."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("application/x-ndjson", "application/jsonl"):
        lines = [line for line in body.splitlines() if line.strip()]
        if not lines:
            raise BadRequest("there is no event", "events")
        return b"[" + b",".join(lines) + b"]"
    if kind != "application/json":
        raise BadRequest("events are application/json or application/x-ndjson", "content-type")
    return body

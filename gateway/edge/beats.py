"""Reports of viewers' pages, counted by country and kind of browser: no viewer is told apart, and no label comes from outside."""

from __future__ import annotations

import math
from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.access.rate import TokenBuckets
from gateway.edge.context import Context
from gateway.edge.failures import BadRequest, RateLimited, Unprocessable
from gateway.edge.guard import Guard
from gateway.edge.http_body import read_body
from gateway.model.errors import BadMessage
from gateway.model.messages import Beat, decode_viewer_json
from gateway.observe import metrics

OTHER = "other"
ADDRESSES_MAX = 10_000
"""Addresses whose rate is known; beyond them the one heard longest ago is forgotten."""


def count_beat(beat: Beat, countries: Collection[str] = ()) -> None:
    """Takes one report into the metrics.

    Args:
        countries: those that are told apart.
    """
    labels = (beat.country if beat.country in countries else OTHER, beat.browser)
    metrics.BEATS.labels(*labels).inc()
    metrics.PAGE_DROPPED.labels(*labels).inc(beat.dropped_frames)
    metrics.PAGE_MALFORMED.labels(*labels).inc(beat.malformed)
    metrics.PAGE_RESYNCS.labels(*labels).inc(beat.resyncs)
    metrics.PAGE_FAILURES.labels(*labels).inc(beat.failures)
    if beat.fps is not None and math.isfinite(beat.fps):
        metrics.PAGE_FRAME.labels(*labels).observe(1 / beat.fps)
    for value_ms in beat.tick_to_pixel_ms:
        # MessagePack has numbers that JSON has not; one would spoil the sum for ever.
        if math.isfinite(value_ms):
            metrics.PAGE_TICK_TO_PIXEL.labels(*labels).observe(value_ms / 1000)


class Beats:
    """The route for pages that have no WebSocket of their own: on another transport, or beside the tab that has the connection."""

    def __init__(self, context: Context, guard: Guard) -> None:
        self._context = context
        self._guard = guard
        page = context.settings.page
        self._countries = frozenset(page.countries)
        self._buckets = TokenBuckets(page.beats_per_min / 60, page.beats_per_min, ADDRESSES_MAX)

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [Route("/v1/beats", self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Takes one report."""
        self._guard.grant_of(request)
        address = request.client.host if request.client else ""
        if not self._buckets.take(address, 1, self._context.loop.time()):
            raise RateLimited("more reports a minute than one address may send")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise BadRequest("a report is application/json", "content-type")
        body = await read_body(request, self._context.settings.viewers.max_message_bytes)
        try:
            message = decode_viewer_json(body)
        except BadMessage as bad:
            raise BadRequest(bad.detail) from None
        if not isinstance(message, Beat):
            raise Unprocessable("a connection is needed for that", "op")
        count_beat(message, self._countries)
        return Response(status_code=204, headers={"cache-control": "no-store"})

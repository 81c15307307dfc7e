"""Reports of viewers' pages, counted by country and kind of browser: no viewer is told apart, and no label comes from outside."""

from __future__ import annotations

import math
from collections.abc import Collection

from gateway.model.messages import Beat
from gateway.observe import metrics

OTHER = "other"


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

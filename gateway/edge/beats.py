"""Reports of viewers' pages, counted by kind of browser: no viewer is told apart, and no label comes from outside."""

from __future__ import annotations

import math

from gateway.model.messages import Beat
from gateway.observe import metrics


def count_beat(beat: Beat) -> None:
    """Takes one report into the metrics."""
    metrics.BEATS.labels(beat.browser).inc()
    metrics.PAGE_DROPPED.labels(beat.browser).inc(beat.dropped_frames)
    metrics.PAGE_MALFORMED.labels(beat.browser).inc(beat.malformed)
    metrics.PAGE_RESYNCS.labels(beat.browser).inc(beat.resyncs)
    if beat.fps is not None and math.isfinite(beat.fps):
        metrics.PAGE_FRAME.labels(beat.browser).observe(1 / beat.fps)
    for value_ms in beat.tick_to_pixel_ms:
        # MessagePack has numbers that JSON has not; one would spoil the sum for ever.
        if math.isfinite(value_ms):
            metrics.PAGE_TICK_TO_PIXEL.labels(beat.browser).observe(value_ms / 1000)

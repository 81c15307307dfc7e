"""Beats from MessagePack, which has numbers that are none."""

from __future__ import annotations

import math

from prometheus_client import Histogram

from gateway.edge.beats import count_beat
from gateway.model.messages import Beat
from gateway.observe import metrics


def told(metric: Histogram) -> dict[str, float]:
    """The histogram's samples of one browser."""
    (family,) = metric.collect()
    return {sample.name: sample.value for sample in family.samples if sample.labels["browser"] == "safari"}


def test_what_a_client_could_not_use_is_counted() -> None:
    count_beat(Beat(browser="firefox", malformed=2, resyncs=3, failures=4))
    count_beat(Beat(browser="firefox", malformed=1))
    for metric, count in ((metrics.PAGE_MALFORMED, 3), (metrics.PAGE_RESYNCS, 3), (metrics.PAGE_FAILURES, 4)):
        assert metric.labels("other", "firefox")._value.get() == count


def test_numbers_that_are_none_do_not_spoil_the_sums() -> None:
    count_beat(Beat(browser="safari", fps=math.nan, tick_to_pixel_ms=[math.nan, math.inf, 50.0]))
    samples = told(metrics.PAGE_TICK_TO_PIXEL)
    assert samples["grandstand_page_tick_to_pixel_seconds_sum"] == 0.05
    assert samples["grandstand_page_tick_to_pixel_seconds_count"] == 1
    assert told(metrics.PAGE_FRAME) == {}


def test_only_countries_that_operators_name_are_told_apart() -> None:
    for country in ("DE", "FR", None):
        count_beat(Beat(browser="other", country=country, resyncs=1), {"DE", "AT"})
    counted = {
        sample.labels["country"]: sample.value
        for family in metrics.PAGE_RESYNCS.collect()
        for sample in family.samples
        if sample.labels["browser"] == "other" and sample.name.endswith("_total")
    }
    assert counted == {"DE": 1, "other": 2}

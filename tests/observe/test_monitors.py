"""The monitors see a loop that was held and a collection that ran."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest
from prometheus_client import REGISTRY

from gateway.observe import gc_pauses, loop_lag


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_held_loop_shows() -> None:
    task = asyncio.get_running_loop().create_task(loop_lag.watch())
    try:
        while figure("grandstand_loop_lag_seconds_count") == 0:
            await asyncio.sleep(0.001)
        before = figure("grandstand_loop_lag_seconds_sum")
        held = figure("grandstand_loop_held_seconds_sum")
        seen = figure("grandstand_loop_lag_seconds_count")
        time.sleep(0.1)  # noqa: ASYNC251 - this is the fault that it is to see
        while figure("grandstand_loop_lag_seconds_count") == seen:
            await asyncio.sleep(0.001)
        assert figure("grandstand_loop_lag_seconds_sum") - before > 0.05
        # Sleeping is no work: it is late, and nothing in the loop explains it.
        assert figure("grandstand_loop_held_seconds_sum") - held < 0.05
        held = figure("grandstand_loop_held_seconds_sum")
        seen = figure("grandstand_loop_held_seconds_count")
        until_s = time.thread_time() + 0.1
        while time.thread_time() < until_s:
            pass
        while figure("grandstand_loop_held_seconds_count") == seen:
            await asyncio.sleep(0.001)
        assert figure("grandstand_loop_held_seconds_sum") - held > 0.05
    finally:
        task.cancel()


def test_collections_are_measured_and_what_is_there_is_frozen() -> None:
    thresholds, callbacks = gc.get_threshold(), gc.callbacks[:]
    try:
        gc_pauses.install()
        assert gc.get_freeze_count() > 0
        before = figure("grandstand_gc_pause_seconds_count", generation="2")
        gc.collect()
        assert figure("grandstand_gc_pause_seconds_count", generation="2") == before + 1
    finally:
        gc.callbacks[:] = callbacks
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def test_what_outlives_two_collections_is_frozen_until_the_full_one() -> None:
    thresholds, callbacks = gc.get_threshold(), gc.callbacks[:]
    try:
        gc_pauses.install()
        frozen = gc.get_freeze_count()
        kept = [[] for _ in range(1000)]  # type: ignore[var-annotated]
        cycle: list[object] = []
        cycle.append(cycle)
        gc.collect(1)
        assert gc.get_freeze_count() >= frozen + len(kept)
        del cycle
        assert gc.collect(1) == 0
        assert gc_pauses.collect_all() >= 1
        assert figure("grandstand_gc_frozen_objects") == gc.get_freeze_count()
    finally:
        gc.callbacks[:] = callbacks
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def test_full_collections_that_find_little_become_rare() -> None:
    assert gc_pauses.next_full_s(300.0, 0) == 600.0
    assert gc_pauses.next_full_s(3000.0, 0) == gc_pauses.FULL_LONGEST_S
    assert gc_pauses.next_full_s(3600.0, 20_000) == gc_pauses.FULL_FIRST_S


def test_what_was_spent_before_a_sample_is_due_does_not_make_it_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lag, "_spent_s", -1.0)
    monkeypatch.setattr(loop_lag, "_due_s", time.monotonic() - 1)
    loop_lag.passing()
    assert loop_lag._spent_s == -1.0
    monkeypatch.setattr(loop_lag, "_due_s", time.monotonic() + 1000)
    loop_lag.passing()
    assert 0 <= loop_lag._spent_s <= time.thread_time()

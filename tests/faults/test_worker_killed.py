"""kill -9 of the worker that owns the channel, under ten thousand viewers at 20 events a second."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from loadtest.fleet import Fleet
from tests.faults.beat import Beat
from tests.patience import PATIENCE_S, until
from tests.system.gateway import gateway
from tests.system.publishing import Studio

VIEWERS = 10_000
BACK_WITHIN_S = 5.0


def test_viewers_of_a_killed_owner_resume_and_the_others_notice_nothing(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=2) as served:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:killed")
        studio.open()
        with Fleet(2, VIEWERS // 2) as fleet, Beat(studio, 20) as beat:
            fleet.connect(
                "127.0.0.1", served.port, f"/v1/live?channel={studio.channel}", VIEWERS,
                channel=studio.channel, retry_ms=(100, 2000), rate_per_s=2500.0,
            )  # fmt: skip
            fleet.wait_open(60)
            shares = [worker["connections"]["ws"] for worker in served.workers()]
            owner = served.owner_pid(studio.channel)
            before = fleet.summary()
            time.sleep(2)
            killed_at = time.monotonic()
            os.kill(owner, signal.SIGKILL)
            until(lambda: fleet.summary()["lost"] > before["lost"], "viewers to notice")
            until(lambda: fleet.summary()["members"]["open"] == VIEWERS, "all viewers to be back")
            back_s = time.monotonic() - killed_at
            restarted = served.wait_for_log("worker_ready", PATIENCE_S, count=3)
            time.sleep(2)
            beat.stop()
            until(lambda: len(fleet.versions()) == 1, "one version for all")
            after = fleet.summary()
        print(f"shares {shares}, back after {back_s:.2f} s, lost {after['lost']}, resumed {after['resumed']}, "
              f"replaced {after['replaced']}, gaps {after['gaps']}, duplicates {after['duplicates']}, "
              f"restarted {restarted['worker']}")  # fmt: skip
        assert after["gaps"] == 0
        assert after["duplicates"] == 0
        assert after["malformed"] == after["violations"] == 0
        assert 0 < after["lost"] < VIEWERS, "the survivors' viewers were not cut"
        assert back_s < BACK_WITHIN_S
        assert after["replaced"] == 0, "everybody came back by version"
        assert studio.store.xlen(studio.key) == len(beat.acknowledged) + 1
        studio.close()

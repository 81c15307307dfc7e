"""Processes that stand still, as on a machine that sleeps: who wakes up blames nobody, who never answers is replaced."""

from __future__ import annotations

import time
from pathlib import Path

from gateway.edge.supervisor import PING_S, PINGS_UNANSWERED
from tests.faults.frozen import frozen
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway

LONG_S = (PINGS_UNANSWERED + 2) * PING_S


def pids(served: GatewayProcess) -> set[int]:
    return {worker["pid"] for worker in served.workers()}


def test_a_supervisor_that_stood_still_keeps_its_workers_and_replaces_one_that_hangs(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=2) as served:
        assert served.process is not None
        before = pids(served)
        with frozen([served.process.pid]):
            time.sleep(LONG_S)
        # It asks again, and more than once.
        time.sleep(3 * PING_S)
        assert pids(served) == before
        assert "worker_hung" not in served.log_text()
        hanging = min(before)
        with frozen([hanging]):
            served.wait_for_log("worker_hung", 60)
            until(lambda: len(pids(served)) == 2, "another in its place")
        assert hanging not in pids(served)
        assert before - pids(served) == {hanging}

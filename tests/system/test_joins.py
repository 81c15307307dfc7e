"""From the HTTP snapshot into the live stream: a thousand joins at random moments, a thousand continuous chains."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from pathlib import Path

import pytest

from tests.faults.beat import Beat
from tests.system.gateway import gateway
from tests.system.publishing import Studio
from tests.wire.peer import Document, Peer

JOINS = 1000
THREADS = 8


@pytest.mark.timeout(600)
def test_a_thousand_joins_by_etag_under_twenty_events_a_second(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=2) as served:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:joins")
        studio.open()
        results: dict[str, int] = {"joined": 0, "snapshots": 0}
        failures: list[BaseException] = []
        lock = threading.Lock()

        def join(count: int, seed: int) -> None:
            chance = random.Random(seed)
            for _ in range(count):
                time.sleep(chance.random() * 0.05)
                connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
                connection.request("GET", f"/v1/channels/{studio.channel}")
                answer = connection.getresponse()
                etag = answer.headers["ETag"].strip('"')
                held = Document()
                held.receive(json.loads(answer.read()))
                connection.close()
                assert held.version == etag
                time.sleep(chance.random() * 0.2)
                viewer = Peer(served.port).upgrade(f"/v1/live?channel={studio.channel}&since={etag}")
                while held.deltas < 3:
                    held.receive(viewer.message())
                viewer.close()
                with lock:
                    results["joined"] += 1
                    results["snapshots"] += held.snapshots - 1

        def run(count: int, seed: int) -> None:
            try:
                join(count, seed)
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        with Beat(studio, 20):
            threads = [threading.Thread(target=run, args=(JOINS // THREADS, seed)) for seed in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        print(f"{results}; snapshots of the gateway: {served.metric('grandstand_snapshots_total')}")
        assert not failures, failures[0]
        assert results["joined"] == JOINS
        assert results["snapshots"] == 0, "each went on from the version that HTTP gave"
        studio.close()

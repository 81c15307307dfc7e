"""A viewer whose other end takes nothing any more does not hold its place until the kernel gives up."""

from __future__ import annotations

import time
from pathlib import Path

from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import peer

FILLER = "x" * 3000


def viewers(served: GatewayProcess) -> int:
    return sum(channel["viewers"] for channel in served.channels())


def test_a_viewer_that_takes_nothing_any_more_is_ended(tmp_path: Path) -> None:
    with gateway(
        tmp_path, listen__workers=1, viewers__send_buffer_bytes=16_384, viewers__unacknowledged_s=1.5
    ) as served:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:silent")
        studio.open()
        target = f"/v1/live?channel={studio.channel}"
        with (
            peer(served.port) as quick,
            peer(served.port, receive_buffer_bytes=4096) as silent,
            peer(served.port, receive_buffer_bytes=4096) as stream,
        ):
            quick.upgrade(target).next("snapshot")
            silent.upgrade(target).next("snapshot")
            stream.stream(studio.channel).event()
            until(lambda: viewers(served) == 3, what="three viewers")
            published = 0

            def one_is_left() -> bool:
                nonlocal published
                published += 1
                studio.patch({"figures": {"filler": FILLER + str(published)}}, op="filler")
                quick.next("delta")
                time.sleep(0.05)
                return viewers(served) == 1

            until(one_is_left, "the silent ones' end")
            assert served.metric("grandstand_bugs_total") == 0
        studio.close()

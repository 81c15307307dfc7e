"""A token that ends while its viewers are parked ends their connections, on both ways, and lets nobody in again."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest

from tests.system.gateway import gateway
from tests.system.publishing import Studio
from tests.wire.peer import Closed, peer

SECRET = "for tests only, thirty-two bytes or more"
CHANNEL = "match:ending"
LIVES_S = 15


def token(exp: int) -> str:
    return jwt.encode({"sub": "ana", "scope": "watch", "channels": ["match:*"], "exp": exp}, SECRET, algorithm="HS256")


def test_a_token_that_ends_ends_its_parked_viewers(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(SECRET)
    keys.chmod(0o600)
    with gateway(tmp_path / "gateway", listen__workers=1, access__keys_file=keys, access__leeway_s=0) as served:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], CHANNEL)
        studio.open()
        ends_s = int(time.time()) + LIVES_S
        rights = {"Authorization": f"Bearer {token(ends_s)}"}
        with (
            peer(served.port) as viewer,
            peer(served.port) as stream,
            peer(served.port) as lasting,
        ):
            viewer.upgrade(f"/v1/live?channel={CHANNEL}", **rights).next("snapshot")
            assert stream.stream(CHANNEL, **rights).event()[1]["type"] == "snapshot"
            # A time in milliseconds, as some make it, is merely far away.
            lasting.upgrade(f"/v1/live?channel={CHANNEL}", Authorization=f"Bearer {token(ends_s * 1000)}").next(
                "snapshot"
            )
            with pytest.raises(Closed) as closed:
                while True:
                    viewer.message()
            assert closed.value.code == 1008
            assert time.time() >= ends_s
            with pytest.raises(Closed):
                while True:
                    stream.event()
            with peer(served.port) as late:
                assert late.upgrade(f"/v1/live?channel={CHANNEL}", **rights).status == 401
            studio.score()
            lasting.next("delta")
            assert served.metric("grandstand_bugs_total") == 0
        studio.close()

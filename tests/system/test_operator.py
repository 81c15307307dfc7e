"""What operators see: the whole gateway at a glance, one channel, one connection; and who may see it on the public port."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Peer

SECRET = "a secret for this test, of 32 bytes or more"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("operator")
    keys = directory / "keys"
    keys.write_text(SECRET)
    with gateway(directory, access__keys_file=keys) as process:
        yield process


@pytest.fixture
def studio(served: GatewayProcess, request: pytest.FixtureRequest) -> Iterator[Studio]:
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    match = Studio(served.wait_for_log("embedded_store", 1)["url"], f"match:{name}")
    match.open()
    yield match
    match.close()


def ask(base: str, path: str, token: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(base + path, headers=headers), timeout=15) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def token(**claims: Any) -> str:
    return jwt.encode({"sub": "ops-person", "exp": int(time.time()) + 600, **claims}, SECRET, algorithm="HS256")


def row(served: GatewayProcess, channel: str) -> dict[str, Any]:
    _, view = ask(served.admin_url, "/admin/v1/overview")
    return next((row for row in view["channels"] if row["channel"] == channel), {})


def test_overview_tells_channels_workers_and_store(served: GatewayProcess, studio: Studio) -> None:
    viewers = [Peer(served.port).upgrade(f"/v1/live?channel={studio.channel}") for _ in range(5)]
    stream = Peer(served.port).stream(studio.channel)
    for viewer in viewers:
        viewer.next("snapshot")

    def busy() -> bool:
        for _ in range(10):
            studio.score()
        found = row(served, studio.channel)
        return found.get("viewers") == 6 and (found.get("entries_per_s") or 0) > 0

    until(busy, "the channel's rate and its viewers without the workers among themselves")
    until(lambda: ask(served.admin_url, "/admin/v1/overview")[1]["aggregate"]["partitions"] >= 1, "an aggregator")
    status, view = ask(served.admin_url, "/admin/v1/overview")
    assert status == 200
    assert view["gateway"]["workers"] == view["gateway"]["workers_wanted"] == 2
    assert view["store"]["connected"] is True
    assert view["aggregate"]["partitions"] >= 1
    assert all(sink["backlog"] >= 0 for sink in view["aggregate"]["sinks"])
    assert view["connections"]["ws"] >= 5
    assert sum(worker["ws"] + worker["sse"] for worker in view["workers"]) >= 6
    for worker in view["workers"]:
        assert worker["memory_bytes"] > 10_000_000
        assert worker["loop_lag_ms"]["p99"] > 0
        assert worker["store_connected"] is True
    assert view["rates"]["events"] >= 0
    assert view["channels_total"] >= 1
    until(lambda: ask(served.admin_url, "/admin/v1/overview")[1]["aggregate"]["sinks"] != [], "what is derived")
    stream.close()
    for viewer in viewers:
        viewer.close()


def test_one_channel_and_one_connection_without_personal_data(served: GatewayProcess, studio: Studio) -> None:
    may = token(scope="watch", channels=["match:*"])
    viewer = Peer(served.port).upgrade(
        f"/v1/live?channel={studio.channel}", Authorization=f"Bearer {may}", Sec_WebSocket_Protocol="grandstand.v1.json"
    )
    viewer.next("snapshot")
    status, view = ask(served.admin_url, f"/admin/v1/channels/{studio.channel}")
    assert status == 200
    (found,) = [viewer for worker in view["workers"] for viewer in worker["connections"]]
    assert (found["kind"], found["encoding"], found["audience"], found["behind"]) == ("ws", "json", "public", False)
    owners = [worker for worker in view["workers"] if worker["role"] == "owner"]
    assert len(owners) == 1
    status, one = ask(served.admin_url, f"/admin/v1/connections/{found['connection']}")
    assert status == 200
    assert one["anonymous"] is False
    assert one["expires_s"] > time.time()
    assert one["silent_ms"] >= 0
    assert [channel["channel"] for channel in one["channels"]] == [studio.channel]
    for text in (json.dumps(view), json.dumps(one)):
        assert "ops-person" not in text
        assert may not in text
        assert not re.search(r"127\.0\.0\.1|::1", text)
    viewer.close()
    until(lambda: ask(served.admin_url, f"/admin/v1/connections/{found['connection']}")[0] == 404, "it to be gone")
    for wrong in ("channels/match:nobody", "connections/0-0", "connections/9-1", "connections/x", "connections/0-zz"):
        status, problem = ask(served.admin_url, f"/admin/v1/{wrong}")
        assert (status, problem["code"]) == (404, "bad_request"), wrong


def test_dead_letters_and_refusals(served: GatewayProcess, studio: Studio) -> None:
    viewer = Peer(served.port).upgrade(f"/v1/live?channel={studio.channel}")
    viewer.next("snapshot")
    studio.store.xadd(studio.key, {"t": "1", "e": "{no json"}, id=f"{studio.epoch}-*")
    Peer(served.port).upgrade("/v1/live?channel=match:nobody").close()

    def told() -> bool:
        _, view = ask(served.admin_url, "/admin/v1/overview")
        return (
            any(letter["channel"] == studio.channel for letter in view["letters"])
            and sum(view["totals"]["dead_letters"].values()) >= 1
            and view["totals"]["refusals"].get("unknown_channel", 0) >= 1
        )

    until(told, "the dead letter and the refusal")
    viewer.close()


def test_pages_tell_how_they_do_by_browser(served: GatewayProcess, studio: Studio) -> None:
    viewer = Peer(served.port).upgrade(f"/v1/live?channel={studio.channel}")
    viewer.next("snapshot")
    viewer.say(op="beat", browser="firefox", fps=60, dropped_frames=3, tick_to_pixel_ms=[40, 80, 120])
    viewer.say(op="beat", browser="firefox", fps=30)

    def told() -> bool:
        _, view = ask(served.admin_url, "/admin/v1/overview")
        row = next((row for row in view["pages"] if row["browser"] == "firefox"), None)
        return row is not None and row["beats"] == 2 and row["dropped_frames"] == 3 and row["fps_p50"] > 25

    until(told, "the beats")
    assert served.metric("grandstand_page_tick_to_pixel_seconds_count", browser="firefox") == 3
    for wrong in (
        {"browser": "my own"},
        {"fps": 0},
        {"fps": -1},
        {"dropped_frames": -1},
        {"tick_to_pixel_ms": [-1]},
        {"tick_to_pixel_ms": [1] * 33},
    ):
        viewer.say(op="beat", **wrong)
        assert viewer.next("error")["code"] == "bad_request", wrong
    viewer.close()


@pytest.mark.parametrize("path", ["/admin/v1/overview", "/admin/v1/channels/match:1", "/admin/v1/connections/0-1"])
def test_on_the_public_port_only_with_scope_admin(served: GatewayProcess, path: str) -> None:
    assert ask(served.url, path)[0] == 401
    assert ask(served.url, path, "nonsense")[0] == 401
    assert ask(served.url, path, token(scope="admin", exp=int(time.time()) - 60))[0] == 401
    status, problem = ask(served.url, path, token(scope="watch publish", channels=["*"]))
    assert (status, problem["code"]) == (403, "forbidden")
    status, _ = ask(served.url, path, token(scope="admin"))
    assert status == (200 if path.endswith("overview") else 404)


def test_metrics_stay_on_the_admin_port(served: GatewayProcess) -> None:
    for path in ("/admin/v1/workers", "/admin/v1/channels"):
        assert ask(served.url, path, token(scope="admin"))[0] == 404


def test_the_admin_port_serves_the_page(served: GatewayProcess) -> None:
    with urllib.request.urlopen(f"{served.admin_url}/operator", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/html")
        assert "frame-ancestors" in answer.headers["content-security-policy"]


def test_a_worker_that_dies_is_missed_and_counted(tmp_path: Path) -> None:
    with gateway(tmp_path) as served:
        before = ask(served.admin_url, "/admin/v1/overview")[1]
        os.kill(before["workers"][0]["pid"], signal.SIGKILL)

        def back() -> bool:
            gateway = ask(served.admin_url, "/admin/v1/overview")[1]["gateway"]
            return gateway["restarts"] == 1 and gateway["workers"] == 2

        until(back, "the worker to be missed and to be back")

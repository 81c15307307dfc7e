"""How many watch, over workers and machines; and channels that are one user's alone."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt

from tests.patience import until
from tests.stores import Store
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Document, Peer, peer

SECRET = "a secret of at least thirty-two bytes"


def document(process: GatewayProcess, channel: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{process.url}/v1/channels/{channel}", timeout=20) as answer:
        state: dict[str, Any] = json.load(answer)["state"]
    return state


def shows(process: GatewayProcess, viewers: int) -> Callable[[], bool]:
    return lambda: document(process, "match:1").get("viewers", 0) == viewers


def listed(process: GatewayProcess) -> int | None:
    with urllib.request.urlopen(f"{process.url}/v1/matches", timeout=20) as answer:
        matches = json.load(answer)["matches"]
    return next((m.get("viewers") for m in matches if m["id"] == "1"), None)


def test_viewers_of_all_machines_are_counted_and_forgotten(tmp_path: Path, valkey_server: Store) -> None:
    studio = Studio(valkey_server.url, "match:1")
    studio.open()
    settings: dict[str, object] = {
        "bus__url": valkey_server.url, "presence__every_s": 0.3, "pace__paused_after_s": 1, "aggregate__lease_s": 2,
    }  # fmt: skip
    with gateway(tmp_path / "one", **settings) as one, gateway(tmp_path / "two", **settings) as two:
        peers = [Peer(process.port).upgrade("/v1/live?channel=match:1") for process in (one, one, one, two, two)]
        until(shows(one, 5), "five viewers")
        until(lambda: listed(two) == 5, "five viewers in the list")
        # What a store has lost it is told again, though nothing has changed.
        valkey_server.client.delete(*valkey_server.client.scan_iter("viewers:*"))
        until(lambda: _counted(valkey_server, "match:1") == 5, "five viewers counted anew")
        # The gateway's own entries are no sign of the publisher's life.
        until(lambda: _status(one) == "paused", "a paused match")
        for viewer in peers[:3]:
            viewer.close()
        until(shows(two, 2), "two viewers")
        # Killed, it takes nothing back: what it counted expires by itself.
        for worker in two.workers():
            os.kill(worker["pid"], signal.SIGKILL)
        until(shows(one, 0), "no viewers")
        for viewer in peers[3:]:
            viewer.close()
        # A publisher that comes back goes on as if nobody had written beside it.
        studio.score()
        studio.open(title="Again")
        studio.score()
        until(lambda: document(one, "match:1")["title"] == "Again")
    studio.close()


def _counted(store: Store, channel: str) -> int:
    return sum(int(count.split()[0]) for count in store.client.hvals(f"viewers:{{{channel}}}"))


def _status(process: GatewayProcess) -> str:
    with urllib.request.urlopen(f"{process.url}/v1/channels/match:1", timeout=20) as answer:
        return str(json.load(answer)["status"])


def token(scope: str, subject: str = "", channels: str = "*") -> str:
    claims = {"exp": int(time.time()) + 600, "scope": scope, "channels": [channels]}
    return jwt.encode({**claims, **({"sub": subject} if subject else {})}, SECRET, "HS256")


def post(process: GatewayProcess, user: str, body: bytes, bearer: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        f"{process.url}/v1/users/{user}/notifications", body, {"Authorization": f"Bearer {bearer}"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_users_channel_is_that_users_alone(tmp_path: Path, valkey_server: Store) -> None:
    keys = tmp_path / "keys"
    keys.write_text(SECRET)
    with gateway(tmp_path, bus__url=valkey_server.url, access__keys_file=keys, listen__workers=1) as process:
        server = token("publish")
        status, posted = post(process, "ann", b'{"text": "Ben is online", "kind": "friend_online"}', server)
        assert status == 201, posted
        for body, field in (
            (b"{", "body"),
            (b"{}", "text"),
            (b'{"text": ""}', "text"),
            (b'{"text": "x", "y": 1}', "y"),
        ):
            status, problem = post(process, "ann", body, server)
            assert (status, problem["field"]) == (422, field)
        assert post(process, "ann", b'{"text": "x"}', token("watch", "ann"))[0] == 403
        assert post(process, "a%20b", b'{"text": "x"}', server)[0] == 400

        ann, ben, nobody = token("watch", "ann"), token("watch", "ben"), token("watch")
        for bearer in (ben, nobody, server, None):
            with peer(process.port) as viewer:
                headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
                viewer.upgrade("/v1/live?channel=user:ann", **headers)
                assert viewer.status in (401, 403)
            with peer(process.port) as viewer:
                viewer.upgrade("/v1/live", **headers)
                if viewer.status == 101:
                    viewer.say(op="watch", channel="user:ann")
                    assert viewer.next("error")["code"] in ("forbidden", "unauthorized")
        for first in ("/v1/live?channel=user:ann", "/v1/live"):
            with peer(process.port) as viewer:
                viewer.upgrade(first, Authorization=f"Bearer {ann}")
                if first == "/v1/live":
                    viewer.say(op="watch", channel="user:ann")
                rows = viewer.next("snapshot")["state"]["notifications"]
                assert rows[posted["id"]]["text"] == "Ben is online"
                assert post(process, "ann", b'{"text": "more"}', server)[0] == 201
                while "notifications" not in (delta := viewer.next("delta"))["patch"]:
                    pass
                assert [event["op"] for event in delta["events"]] == ["notification"]
        for number in range(160):
            assert post(process, "ann", json.dumps({"text": f"n{number}"}).encode(), server)[0] == 201
        with peer(process.port) as viewer:
            viewer.upgrade("/v1/live?channel=user:ann", Authorization=f"Bearer {ann}")
            held = Document()
            held.receive(viewer.next("snapshot"))

            def has(text: str) -> bool:
                return any(row["text"] == text for row in held.state["notifications"].values())

            while not has("n159"):
                held.receive(viewer.message())
            # In a burst more may stand for a moment: what has no room is told by what the worker has shown.
            assert post(process, "ann", b'{"text": "last"}', server)[0] == 201
            while not has("last"):
                held.receive(viewer.message())
            assert len(held.state["notifications"]) == 100

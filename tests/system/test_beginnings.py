"""Asked for too early: whoever waits for a channel is let in when it begins, on every worker, and nobody is refused after that."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.patience import until
from tests.stores import Store
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Document, Peer, peer

SECRET = "a secret of at least thirty-two bytes"
CROWD = 24
WORKERS = 3


def snapshot(process: GatewayProcess, channel: str, bearer: str | None = None) -> tuple[int, dict[str, Any]]:
    """Over a connection of its own, so that any worker may be asked."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{process.url}/v1/channels/{channel}", headers=headers), timeout=20
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def waiting(process: GatewayProcess) -> float:
    return process.metric("grandstand_channels", role="awaited")


def crowd(process: GatewayProcess, stack: ExitStack, count: int) -> list[Peer]:
    """Parked viewers of nothing, on all workers."""
    viewers: list[Peer] = []

    def spread() -> bool:
        viewers.extend(stack.enter_context(peer(process.port)).upgrade("/v1/live") for _ in range(count))
        return min(worker["connections"]["ws"] for worker in process.workers()) > 0

    until(spread, "viewers on every worker")
    return viewers


@pytest.fixture(params=["notify", "poll"])
def served(request: pytest.FixtureRequest, tmp_path: Path, valkey_server: Store) -> Iterator[GatewayProcess]:
    keys = tmp_path / "keys"
    keys.write_text(SECRET)
    with gateway(
        tmp_path / "gateway",
        bus__url=valkey_server.url,
        bus__wakeup=request.param,
        aggregate__enabled=False,
        access__keys_file=keys,
        listen__workers=WORKERS,
        channel__max_awaited=2,
        channel__idle_unload_s=1,
    ) as process:
        yield process


def test_a_beginning_lets_in_everybody_who_was_early(served: GatewayProcess, valkey_server: Store) -> None:
    studio = Studio(valkey_server.url, "match:soon")
    with ExitStack() as stack:
        viewers = crowd(served, stack, CROWD)
        for viewer in viewers:
            viewer.say(op="watch", channel="match:soon")
        for viewer in viewers:
            assert viewer.next("error")["code"] == "unknown_channel"
        for _ in range(CROWD):
            assert snapshot(served, "match:soon")[0] == 404
            with peer(served.port) as early:
                assert early.stream("match:soon").status == 404
        assert waiting(served) == WORKERS

        first, second, rest = viewers[0], viewers[1], viewers[2:]
        first.say(op="unwatch", channel="match:soon")
        second.close()
        first.say(op="watch", channel="match:later")
        assert first.next("error")["channel"] == "match:later"
        # Beyond the bound nobody waits: who asks again gets in all the same.
        first.say(op="watch", channel="match:never")
        assert first.next("error")["channel"] == "match:never"

        studio.open()
        for _ in range(CROWD):
            status, shown = snapshot(served, "match:soon")
            assert (status, shown["version"].split(".")[0]) == (200, "1-0"), "the next ask gets in, whatever the worker"
            with peer(served.port) as late:
                assert late.stream("match:soon").status == 200
        for viewer in rest:
            assert viewer.next("snapshot")["channel"] == "match:soon"
        studio.score()
        for viewer in rest:
            assert viewer.next("delta")["channel"] == "match:soon"

        later = Studio(valkey_server.url, "match:later")
        later.open()
        # The one that had left the first channel hears of the second, and of nothing before.
        while (message := first.message())["type"] != "snapshot":
            assert message["type"] == "error"
        assert message["channel"] == "match:later"
        later.close()
    # With the viewers the waits are gone, and what nobody watches is let go.
    until(lambda: waiting(served) == 0, "nobody waiting")
    until(lambda: not served.channels(), "no channel served")
    assert served.metric("grandstand_bugs_total") == 0
    studio.close()


def token(subject: str, scope: str = "watch") -> str:
    claims = {"exp": int(time.time()) + 600, "scope": scope, "channels": ["*"], "sub": subject}
    return jwt.encode(claims, SECRET, "HS256")


def test_a_users_channel_is_empty_before_anything_was_posted(served: GatewayProcess) -> None:
    ann, ben = token("ann"), token("ben")
    with ExitStack() as stack:
        viewers = [
            stack.enter_context(peer(served.port)).upgrade("/v1/live?channel=user:ann", Authorization=f"Bearer {ann}")
            for _ in range(CROWD)
        ]
        streams = [
            stack.enter_context(peer(served.port)).stream("user:ann", Authorization=f"Bearer {ann}")
            for _ in range(CROWD)
        ]
        held = []
        for viewer in viewers:
            document = Document()
            document.receive(viewer.next("snapshot"))
            assert document.state == {}
            held.append(document)
        versions = {document.version for document in held} | {stream.event()[0] for stream in streams}
        assert len(versions) == 1, "one version on all workers"
        (version,) = versions
        assert version is not None
        assert version.startswith("0-0.")
        assert snapshot(served, "user:ann", ann) == (200, {
            "type": "snapshot", "channel": "user:ann", "version": version, "state": {}, "feed": [], "status": "live",
        })  # fmt: skip
        with peer(served.port) as back:
            back.upgrade(f"/v1/live?channel=user:ann&since={version}", Authorization=f"Bearer {ann}")
            assert back.next("tick")["version"] == version

        # Somebody else makes no channel by asking for it.
        for bearer in (ben, token("made-up"), None):
            assert snapshot(served, "user:cleo", bearer)[0] in (401, 403)
        assert {channel["channel"] for channel in served.channels()} == {"user:ann"}

        request = urllib.request.Request(
            f"{served.url}/v1/users/ann/notifications",
            b'{"text": "Ben is online"}',
            {"Authorization": f"Bearer {token('server', 'publish')}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            posted = json.load(answer)
        for viewer, document in zip(viewers, held, strict=True):
            while posted["id"] not in (document.state or {}).get("notifications", {}):
                document.receive(viewer.message())
            assert document.version is not None
            assert document.version.startswith("1-")
        for stream in streams:
            while (event := stream.event())[1]["type"] not in ("snapshot", "delta"):
                pass
            assert (event[0] or "").startswith("1-")
    until(lambda: not served.channels(), "the channel to be let go")
    assert served.metric("grandstand_bugs_total") == 0

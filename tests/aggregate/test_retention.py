"""Streams of what is over are trimmed when the history has them, later deleted; what viewers and operators have of them stays."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.model.entry import Entry
from tests.aggregate.boards.recount import entries_of
from tests.databases import postgres
from tests.patience import until
from tests.stores import Store, store
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import STATE
from tests.system.test_leaderboards import ask
from tests.wire.peer import peer

DAY_MS = 86_400_000
LOOKED_AGAIN_S = 200
"""What the history did not have yet at the first look is looked at again a minute later."""


def publish(server: Store, match: str, ago_ms: int, ends: bool = True) -> list[Entry]:
    """A match whose entries are stamped so long ago."""
    t_ms = time.time_ns() // 1_000_000 - ago_ms
    events: list[dict[str, Any]] = [{"op": "reset", "state": STATE}]
    events += [{"op": "kill", "patch": {"n": number}, "points": {"kills": {"ana": 1}}} for number in range(20)]
    events += [{"op": "end", "winner": "red"}] if ends else []
    for number, event in enumerate(events):
        fields = {"t": str(t_ms + number), "e": json.dumps(event)}
        server.client.xadd(f"live:{{match:{match}}}", fields, id="1-*")
    return entries_of(server.client, f"match:{match}")


@pytest.fixture(scope="module")
def histories() -> dict[str, list[Entry]]:
    """What was published, by channel."""
    return {}


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, histories: dict[str, list[Entry]]
) -> Iterator[tuple[Store, GatewayProcess]]:
    """A gateway that trims at once: one match has ended, one goes on, one has ended two days ago."""
    directory = tmp_path_factory.mktemp("retention")
    with store(directory / "valkey") as server, postgres(directory / "postgres") as database:
        histories["match:over"] = publish(server, "over", 60_000)
        histories["match:live"] = publish(server, "live", 60_000, ends=False)
        histories["match:old"] = publish(server, "old", 2 * DAY_MS)
        settings: dict[str, object] = {"trim_after_s": 1, "ended_kept_days": 1}
        with gateway(
            directory / "gateway",
            bus__url=server.url,
            history__url=database.url,
            history__flush_ms=20,
            keyframes__every_s=0.5,
            **{f"aggregate__{name}": value for name, value in settings.items()},
        ) as served:
            yield server, served


def test_a_match_that_has_ended_is_trimmed_and_served_as_before(
    running: tuple[Store, GatewayProcess], histories: dict[str, list[Entry]]
) -> None:
    server, served = running
    until(lambda: server.client.xlen("live:{match:over}") == 1, "the trimming", LOOKED_AGAIN_S)
    assert server.client.llen("snap:{match:over}") == 1
    status, headers, snapshot = ask(f"{served.url}/v1/channels/match:over")
    assert status == 200
    assert (snapshot["state"]["n"], snapshot["status"]) == (19, "ended")
    assert headers["etag"].startswith('"1-21.')
    assert len(ask(f"{served.url}/v1/channels/match:over/events?limit=500")[2]["events"]) == 21
    with peer(served.port) as viewer:
        viewer.upgrade("/v1/live?channel=match:over&at=1-3&speed=60")
        assert viewer.next("snapshot")["state"]["n"] == 2
        while viewer.next("status")["status"] == "rewind":
            pass
    # Who is being played keeps all.
    assert server.client.xlen("live:{match:live}") == len(histories["match:live"])


def test_boards_own_streams_are_trimmed_when_they_are_quiet(running: tuple[Store, GatewayProcess]) -> None:
    server, served = running
    until(lambda: server.client.xlen("live:{board:kills.match.over}") == 1, "the trimming", LOOKED_AGAIN_S)
    assert ask(f"{served.url}/v1/channels/board:kills.match.over")[2]["state"]["rows"]["ana"]["points"] == 20


def test_one_that_has_ended_long_ago_is_in_the_history_alone(running: tuple[Store, GatewayProcess]) -> None:
    server, served = running
    until(
        lambda: not server.client.exists("live:{match:old}", "snap:{match:old}", "marks:{match:old}"),
        "deletion",
        LOOKED_AGAIN_S,
    )
    assert ask(f"{served.url}/v1/channels/match:old")[0] == 404
    assert len(ask(f"{served.url}/v1/channels/match:old/events?limit=500")[2]["events"]) == 21
    assert ask(f"{served.url}/v1/matches/old/summary")[2]["status"] == "ended"
    assert ask(f"{served.url}/v1/leaderboards/kills.match.old")[2]["rows"][0]["points"] == 20
    with peer(served.port) as viewer:
        viewer.upgrade("/v1/live?channel=match:old&at=1-3&speed=60")
        assert viewer.next("snapshot")["state"]["n"] == 2

"""Who sees an hour later than others, without some paths, sees by no way what the live view would not have shown him: not by
rewinding, not on older pages, not in summaries, stats or boards.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import postgres
from tests.patience import until
from tests.stores import Store
from tests.system.gateway import GatewayProcess, gateway
from tests.wire.peer import peer

HOUR_MS = 3_600_000
EARLY, TOO_NEW, SECRET = "early", "too-new", "secret"


def publish(store: Store, channel: str, ago_ms: int, word: str, count: int, begin: bool = False) -> None:
    """Entries of which each names its word in its event, its patch and its points."""
    stamp_ms = time.time_ns() // 1_000_000 - ago_ms
    players = {word: {"name": f"{word} name", "team": "red", "kills": 0, "note": SECRET}}
    for number in range(count):
        event: dict[str, object] = {
            "op": "play", "word": word, "note": SECRET, "points": {"kills": {word: 1}}, "patch": {
                "word": word, "players": players, "clock": {"t_ms": 30_000 * number},
                "figures": {word: number, SECRET: {word: number}},
            },
        }  # fmt: skip
        if begin and number == 0:
            state = {"title": word, "status": "live", "players": players, "clock": {"t_ms": 0}}
            event = {"op": "reset", "state": state}
        store.client.xadd(f"live:{{{channel}}}", {"t": str(stamp_ms + number), "e": json.dumps(event)}, id="1-*")


@pytest.fixture
def served(tmp_path: Path, valkey_server: Store) -> Iterator[GatewayProcess]:
    """Everybody is late; one match has begun two hours ago and goes on, another one has only just begun."""
    publish(valkey_server, "match:1", 2 * HOUR_MS, EARLY, 20, begin=True)
    publish(valkey_server, "match:1", 1000, TOO_NEW, 20)
    publish(valkey_server, "match:2", 1000, TOO_NEW, 20, begin=True)
    hidden = ["/players/*/note", "/events/*/note", "/winner", f"/figures/{SECRET}"]
    with postgres(tmp_path / "postgres") as server, gateway(
        tmp_path, bus__url=valkey_server.url, history__url=server.url, history__flush_ms=20, history__stats_every_s=1,
        audiences={"late": {"delay_ms": HOUR_MS, "hidden": hidden}}, access__anonymous_audience="late",
    ) as process:  # fmt: skip
        until(lambda: process.metric("grandstand_history_entries_total") >= 60, "the history")
        until(lambda: bool(valkey_server.client.zcard("rank:{board:kills.all}") == 2), "the board")
        until(lambda: bool(valkey_server.client.exists("live:{board:kills.all}")), "the board's channel")
        yield process


def read(served: GatewayProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(served.url + path, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_pages_summaries_stats_and_boards_tell_nothing_early(served: GatewayProcess) -> None:
    told: dict[str, tuple[int, str]] = {}
    for path in (
        "/v1/channels/match:1", "/v1/channels/match:2", "/v1/channels/board:kills.all",
        "/v1/channels/match:1/events?limit=1000", "/v1/channels/match:1/events?before=&limit=1000",
        "/v1/channels/match:1/events?after=1-15", "/v1/channels/match:1/events?after=1-25",
        "/v1/channels/match:1/events?before=1-40", "/v1/channels/match:2/events",
        "/v1/channels/match:1/events?ops=play,reset&limit=30", "/v1/channels/match:2/events?ops=play&before=",
        "/v1/matches/1/course", "/v1/matches/2/course", "/v1/matches", "/v1/matches?status=live",
        "/v1/matches/1/summary", "/v1/matches/2/summary", f"/v1/players/{TOO_NEW}/stats", f"/v1/players/{EARLY}/stats",
        "/v1/leaderboards", "/v1/leaderboards/kills.all", "/v1/leaderboards/kills.match.1",
        f"/v1/leaderboards/kills.all/search?q={TOO_NEW[:3]}",
        f"/v1/leaderboards/kills.all/around/{TOO_NEW}", f"/v1/leaderboards/kills.all/members?ids={TOO_NEW},{EARLY}",
    ):  # fmt: skip
        told[path] = status, text = read(served, path)
        assert status in (200, 404), (path, status, text)
        assert "too-new name" not in text, path
        assert f'"{TOO_NEW}"' not in text, path
        assert SECRET not in text, path
    events = json.loads(told["/v1/channels/match:1/events?limit=1000"][1])["events"]
    assert [one["event"]["word"] for one in events] == [EARLY] * 19
    summary = json.loads(told["/v1/matches/1/summary"][1])
    assert summary["events"] == 19
    assert summary["players"] == {EARLY: {"totals": {"kills": 19}, "name": "early name", "team": "red"}}
    chosen = json.loads(told["/v1/channels/match:1/events?ops=play,reset&limit=30"][1])
    assert ([one["event"] for one in chosen["events"]], chosen["next"]) == ([one["event"] for one in events], None)
    points = json.loads(told["/v1/matches/1/course"][1])["points"]
    assert [(one["id"], one["clock"]["t_ms"]) for one in points] == [(f"1-{n}", 30_000 * n) for n in range(20)]
    assert [one.get("figures") for one in points] == [None, *({EARLY: n} for n in range(1, 20))]
    for path in ("/v1/matches/2/course", "/v1/matches/2/summary", f"/v1/players/{TOO_NEW}/stats"):
        assert told[path][0] == 404, path
    assert told["/v1/leaderboards/kills.all"][0] == 404
    assert json.loads(told["/v1/leaderboards"][1])["boards"] == []


def test_a_rewind_tells_nothing_early(served: GatewayProcess) -> None:
    now_ms = time.time_ns() // 1_000_000
    for channel in ("match:1", "match:2", "board:kills.all"):
        for moment in (
            f"at={now_ms}",
            "at=-1s",
            "at=-60s",
            "at=1-0",
            "at=1-15",
            "at=1-39",
            "at=9-9",
            "since=1-39.00000000",
        ):
            if moment.startswith("since") and channel != "match:1":
                # A version from the future is waited for, which takes its time.
                continue
            for way in ("ws", "sse"):
                with peer(served.port) as viewer:
                    query = f"{moment}&speed=60" if moment.startswith("at") else moment
                    if way == "ws":
                        viewer.upgrade(f"/v1/live?channel={channel}&{query}")
                    else:
                        viewer.request(
                            f"GET /v1/channels/{channel}/stream?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                        )
                    text, live = "", False
                    while not live:
                        try:
                            message = viewer.message() if way == "ws" else viewer.event()[1]
                        except AssertionError:
                            # Refused by an HTTP status.
                            break
                        text += json.dumps(message)
                        # Told to the end: live again, or nothing to be told.
                        live = message["type"] == "error" or message.get("status", "rewind") != "rewind"
                    case = (channel, moment, way, text)
                    assert TOO_NEW not in text, case
                    assert SECRET not in text, case
                    if channel == "match:1" and moment in ("at=1-0", "at=1-15"):
                        assert EARLY in text, case

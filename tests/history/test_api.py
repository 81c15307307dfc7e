"""What the HTTP API tells of the past: pages without gap or duplicate, and nothing that an audience may not see."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest

from gateway.history.database import SCHEMA, Database
from gateway.history.embedded import EmbeddedPostgres
from gateway.history.migrate import migrate
from gateway.history.stats import refresh
from gateway.history.writer import Writer
from gateway.model.channel import ChannelLimits
from tests.history.conftest import new_database
from tests.history.stream import Stream, write
from tests.system.gateway import GatewayProcess, gateway

HIDDEN = ["/events/kill/weapon", "/events/secret", "/players/*/deaths", "/teams/*/score"]


def history() -> Stream:
    """Three epochs: one ended match, one played again and live; entries with several events, and malformed ones."""
    stream = Stream()
    stream.open()
    for number in range(30):
        stream.add(
            {"op": "kill", "actor": "p0", "target": "p1", "weapon": f"w{number}"}, {"op": "clock", "t_ms": number}
        )
        stream.add(raw=b"not json")
        stream.add({"op": "secret"}, {"op": "score", "team": "red", "actor": "p0"})
    stream.add({"op": "end", "winner": "red"})
    stream.open(epoch=7)
    stream.add({"op": "assist", "actor": "p1"})
    return stream


class Api:
    """Asks the gateway."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, body and headers."""
        request = urllib.request.Request(
            self.gateway.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return (
                    answer.status,
                    json.loads(answer.read() or b"null"),
                    {k.lower(): v for k, v in answer.headers.items()},
                )
        except urllib.error.HTTPError as error:
            with error:
                body = error.read()
                return error.code, json.loads(body) if body else {}, {k.lower(): v for k, v in error.headers.items()}

    def walk(self, path: str, key: str, parameter: str = "after") -> list[Any]:
        """All rows of all pages."""
        rows: list[Any] = []
        cursor, glue = "", "&" if "?" in path else "?"
        while True:
            status, page, _ = self.get(f"{path}{glue}{parameter}={cursor}" if cursor or parameter == "before" else path)
            assert status == 200, page
            rows += page[key]
            cursor = page["next"]
            if cursor is None:
                return rows


async def filled(postgres_url: str) -> str:
    """The address of a new database with a history in it."""
    url = await new_database(postgres_url)
    database = Database(url)
    await migrate(database)
    writer = Writer(database, ChannelLimits())
    now_ms = time.time_ns() // 1_000_000
    await write(writer, "match:42", history().entries, now_ms, batch=40)
    other = Stream()
    other.open(title="Other", status="scheduled")
    await write(writer, "match:43", other.entries, now_ms)
    await refresh(database, now_ms)
    await database.close()
    return url


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> str:
    return asyncio.run(filled(postgres.url))


@pytest.fixture(scope="module")
def api(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A gateway on a history; nobody changes either."""
    settings: dict[str, object] = {
        "history__url": url,
        "listen__workers": 1,
        "aggregate__enabled": False,
        "history__read_timeout_s": 60.0,
        "audiences": {"public": {"hidden": HIDDEN}, "late": {"delay_ms": 3_600_000}},
    }
    with gateway(tmp_path_factory.mktemp("api"), **settings) as process:
        yield Api(process)


async def test_pages_hold_every_event_once_in_both_directions(api: Api) -> None:
    def everything() -> None:
        one_page = api.get("/v1/channels/match:42/events?limit=1000")[1]
        assert one_page["next"] is None
        events = one_page["events"]
        # Kills and scores; `secret` is hidden, clocks are nothing to read, malformed entries have no events.
        assert [e["event"]["op"] for e in events] == ["kill", "score"] * 30 + ["end", "assist"]
        assert [(e["id"], e["index"]) for e in events[:2]] == [("1-1", 0), ("1-3", 1)]
        assert all("weapon" not in e["event"] for e in events)
        for limit in (1, 7, 61):
            assert api.walk(f"/v1/channels/match:42/events?limit={limit}", "events") == events
            backwards = api.walk(f"/v1/channels/match:42/events?limit={limit}", "events", "before")
            assert backwards == events[::-1]
        after = api.get("/v1/channels/match:42/events?after=1-88")[1]["events"]
        assert [e["id"] for e in after] == ["1-90", "1-91", "7-1"]
        chosen = api.walk("/v1/channels/match:42/events?ops=end,assist&limit=1", "events")
        assert chosen == [event for event in events if event["event"]["op"] in ("end", "assist")]
        assert api.walk("/v1/channels/match:42/events?ops=secret,clock&limit=7", "events") == []
        for wrong in ("", "a,,b", ",".join("abcdefghijklmnopqrstuvwxyzABCDEFG")):
            assert api.get(f"/v1/channels/match:42/events?ops={wrong}")[0] == 422
        before = api.get("/v1/channels/match:42/events?before=1-90&limit=1")[1]["events"]
        assert [e["id"] for e in before] == ["1-88"]

    await asyncio.to_thread(everything)


async def test_matches_summary_and_stats(api: Api) -> None:
    def everything() -> None:
        listed = api.walk("/v1/matches?limit=1", "matches")
        assert [(m["id"], m["status"]) for m in listed] == [("43", "scheduled")]
        status, summary, _ = api.get("/v1/matches/42/summary")
        assert status == 200
        # The match is played again: the newest run is summed up.
        assert summary["status"] == "live"
        assert summary["players"] == {
            "p0": {"totals": {}, "name": "Ana", "team": "red"},
            "p1": {"totals": {"assists": 1}, "name": "Ben", "team": "blue"},
        }
        assert summary["teams"] == {"red": {"name": "Red"}, "blue": {"name": "Blue"}}
        status, stats, _ = api.get("/v1/players/p0/stats")
        assert status == 200
        assert (stats["name"], stats["matches"], stats["totals"]) == ("Ana", 3, {"kills": 30, "score": 30})
        assert stats["rates"] == {"kills_per_match": 10.0, "score_per_match": 10.0}
        assert stats["streak"] == {"kind": "win", "length": 1}
        assert {m["result"] for m in stats["recent"]} == {"win", None}
        assert stats["head_to_head"] == []
        assert stats["age_ms"] >= 0

    await asyncio.to_thread(everything)


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/channels/match:42/events?limit=0", 422, "limit"),
        ("/v1/channels/match:42/events?limit=1001", 422, "limit"),
        ("/v1/channels/match:42/events?limit=x", 422, "limit"),
        ("/v1/channels/match:42/events?after=x", 422, "after"),
        ("/v1/channels/match:42/events?after=9999999999999999999-1", 422, "after"),
        ("/v1/channels/match:42/events?after=1-1&before=1-2", 422, "before"),
        ("/v1/channels/match:none/events", 404, None),
        ("/v1/channels/match/events", 400, "channel"),
        ("/v1/matches?status=over", 422, "status"),
        ("/v1/matches?after=%00", 422, "after"),
        ("/v1/matches/none/summary", 404, "id"),
        ("/v1/players/none/stats", 404, "id"),
    ],
)
async def test_wrong_questions_are_problems(api: Api, path: str, status: int, field: str | None) -> None:
    got, problem, headers = await asyncio.to_thread(api.get, path)
    assert (got, problem.get("field")) == (status, field)
    assert headers["content-type"] == "application/problem+json"


async def test_answers_can_be_kept_and_are_validated(api: Api) -> None:
    status, _, headers = await asyncio.to_thread(api.get, "/v1/channels/match:42/events?limit=5")
    assert status == 200
    assert "s-maxage=30" in headers["cache-control"]
    status, _, _ = await asyncio.to_thread(
        lambda: api.get("/v1/channels/match:42/events?limit=5", If_None_Match=headers["etag"])
    )
    assert status == 304


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'grandstand' AND wait_event_type = 'Lock'"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/channels/match:42/events?limit=7&ops=kill",
        "/v1/channels/match:42/events?before=",
        "/v1/matches?limit=1",
        "/v1/matches/42/course",
        "/v1/matches/42/summary",
        "/v1/players/p0/stats",
    ],
)
async def test_equal_requests_at_work_at_once_are_one_read(api: Api, url: str, path: str) -> None:
    """While the tables are locked, what reads them waits: one for all who ask the same."""
    loop = asyncio.get_running_loop()
    locking, watching = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        tables = await locking.fetch(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = $1", SCHEMA
        )
        with ThreadPoolExecutor(12) as pool:
            async with locking.transaction():
                await locking.execute(f"LOCK TABLE {', '.join(row[0] for row in tables)} IN ACCESS EXCLUSIVE MODE")
                asked = [loop.run_in_executor(pool, api.get, path) for _ in range(12)]
                while not await watching.fetchval(WAITING):
                    assert not any(one.done() for one in asked)
                    await asyncio.sleep(0.01)
                for _ in range(20):
                    # The worker has had turns since: whoever asked is at work.
                    assert (await asyncio.to_thread(api.get, "/v1/openapi.json"))[0] == 200
                assert await watching.fetchval(WAITING) == 1
            answers = await asyncio.gather(*asked)
        assert {status for status, _, _ in answers} == {200}
        assert len({headers["etag"] for _, _, headers in answers}) == 1
    finally:
        await locking.close()
        await watching.close()

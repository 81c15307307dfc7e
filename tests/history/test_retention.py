"""Old days are dropped whole, what is left is read on as before, and views are refreshed beside their readers."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.history.database import Database
from gateway.history.partitions import day_of, drop_expired
from gateway.history.stats import refresh
from gateway.history.writer import Writer
from tests.history.stream import NOW_MS, Stream, stored, totals, write
from tests.stores import Store
from tests.system.gateway import GatewayProcess, gateway
from tests.wire.peer import peer

DAY_MS = 86_400_000


def get(process: GatewayProcess, path: str) -> Any:
    with urllib.request.urlopen(process.url + path, timeout=20) as answer:
        return json.load(answer)


async def test_old_days_go_and_results_stay(
    database: Database, writer: Writer, url: str, tmp_path: Path, valkey_server: Store
) -> None:
    stream = Stream()
    stream.open(clock={"t_ms": 0, "running": True})
    for number in range(30):
        stream.kill()
        if number == 13:
            # From here on the history keeps a document again.
            stream.add({"op": "play", "patch": {"clock": {"t_ms": 40_000}}})
    for day in range(3):
        await write(
            writer, "match:1", stream.entries[10 * day :][: 10 if day < 2 else None], NOW_MS + day * DAY_MS, batch=10
        )
    old = Stream()
    old.open(title="Old")
    old.kill()
    old.add({"op": "end", "winner": "red"})
    await write(writer, "match:2", old.entries)
    before = await totals(database)
    today = day_of(NOW_MS + 2 * DAY_MS)
    assert await drop_expired(database, today, 2) == []
    assert await stored(database, "match:1") == stream.entries
    dropped = await drop_expired(database, today, 1)
    day = today - timedelta(days=2)
    assert sorted(dropped) == [f"{table}_{day:%Y%m%d}" for table in ("entries", "keyframes", "points")]
    assert await stored(database, "match:1") == stream.entries[10:]
    assert await stored(database, "match:2") == []
    assert await totals(database) == before
    # The writer's positions outlive what it wrote: nothing is stored again, and the next entry fits.
    await write(writer, "match:1", stream.entries, NOW_MS + 2 * DAY_MS, batch=10)
    late = stream.kill()
    await write(writer, "match:1", [late], NOW_MS + 2 * DAY_MS)
    assert await stored(database, "match:1") == stream.entries[10:]
    await refresh(database, NOW_MS)
    for entry in [*stream.entries[-3:]]:
        fields: dict[Any, Any] = {"t": str(entry.t_ms), "e": entry.raw}
        valkey_server.client.xadd("live:{match:1}", fields, id=str(entry.position))
    settings: dict[str, object] = {
        "bus__url": valkey_server.url, "history__url": url, "listen__workers": 1, "aggregate__enabled": False,
    }  # fmt: skip
    with gateway(tmp_path, **settings) as process:
        await asyncio.to_thread(read_on, process, [f"1-{entry.position.seq}" for entry in stream.entries[10:]])


def read_on(process: GatewayProcess, left: list[str]) -> None:
    """Pages end where the history ends, on either side; results and totals are whole."""
    for parameter, wanted in (("after", left), ("before", left[::-1])):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = get(process, f"/v1/channels/match:1/events?limit=7&{parameter}={cursor}")
            found += [one["id"] for one in page["events"]]
            cursor = page["next"]
        assert found == wanted
    assert get(process, "/v1/channels/match:1/events?after=1-3&limit=1")["events"][0]["id"] == left[0]
    assert get(process, "/v1/channels/match:1/events?before=1-3") | {"as_of_ms": 0} == {
        "channel": "match:1", "as_of_ms": 0, "events": [], "next": None,
    }  # fmt: skip
    assert get(process, "/v1/channels/match:2/events")["events"] == []
    assert get(process, "/v1/matches/1/summary")["players"]["p0"]["totals"]["kills"] == 31
    assert get(process, "/v1/matches/2/summary")["winner"] == "red"
    assert get(process, "/v1/players/p0/stats")["totals"]["kills"] == 32
    course = get(process, "/v1/matches/1/course")["points"]
    assert [point["id"] for point in course if point["id"] not in left] == []
    # From before all that is kept, a rewind begins with the oldest that is; a version that is gone is refused.
    with peer(process.port) as viewer:
        viewer.upgrade("/v1/live?channel=match:1&at=1000000000000&speed=60")
        snapshot = viewer.message()
        assert (snapshot["type"], snapshot["status"]) == ("snapshot", "rewind"), snapshot
        assert snapshot["version"].startswith("1-15.")
        viewer.say(op="watch", channel="match:1", at="1-3")
        assert viewer.next("error")["code"] == "bad_request"


async def test_a_refresh_waits_for_no_reader(database: Database, writer: Writer) -> None:
    stream = Stream()
    stream.open()
    stream.kill()
    await write(writer, "match:1", stream.entries)
    await refresh(database, NOW_MS)
    query = "SELECT sum(matches)::int FROM player_matches"
    async with database.connection() as reader, reader.transaction(isolation="repeatable_read"):
        assert await reader.fetchval(query) == 2
        again = Stream(epoch=2)
        again.open()
        again.kill()
        await write(writer, "match:2", again.entries)
        # The reader has the views open: it is not waited for, and goes on reading what it read.
        assert await asyncio.wait_for(refresh(database, NOW_MS + 1), 20)
        assert await reader.fetchval(query) == 2
    async with database.connection() as reader:
        assert await reader.fetchval(query) == 4

"""`grandstand doctor` against real stores: a good one, one with few rights, a replica, and none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis.asyncio as redis

from gateway.bus.embedded import EmbeddedValkey
from gateway.history.database import Database
from gateway.history.embedded import EmbeddedPostgres
from gateway.history.migrate import migrate
from tests.cli.conftest import grandstand

STORE_PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "store.md").read_text()


def doctor(tmp_path: Path, url: str, *more: str) -> tuple[int, list[dict[str, str]]]:
    small = ("--set", "viewers.max_connections=10")
    result = grandstand("doctor", "--json", "--set", f"bus.url={url}", *small, *more, cwd=tmp_path)
    assert not result.stderr
    return result.returncode, [json.loads(line) for line in result.stdout.splitlines()]


def level(findings: list[dict[str, str]], words: str) -> str:
    (found,) = [finding for finding in findings if words in finding["what"]]
    assert (found["level"] == "ok") == (not found["todo"]), "what is not good says what to do"
    return found["level"]


async def test_a_good_store(store: EmbeddedValkey, tmp_path: Path) -> None:
    code, findings = doctor(tmp_path, store.url)
    assert code == 0
    for words in ("answers", "store: Valkey", "may be read", "may be written", "notify-keyspace-events is",
                  "wake-ups: notify", "from the store's", "descriptors", "native build"):  # fmt: skip
        assert level([f for f in findings if not f["what"].startswith("wake-ups") or "wake" in words], words) == "ok"


async def test_a_user_that_may_only_read(store: EmbeddedValkey, tmp_path: Path) -> None:
    """With exactly the rights that the documentation gives it."""
    (line,) = [line for line in STORE_PAGE.splitlines() if line.startswith("ACL SETUSER edge ")]
    client = redis.Redis.from_url(store.url)
    await client.execute_command(*line.replace("SECRET", "s3cret").split())
    await client.aclose()
    code, findings = doctor(tmp_path, store.url.replace("unix://", "unix://edge:s3cret@"))
    assert code == 0
    assert level(findings, "may be read") == "ok"
    assert level(findings, "whether it may be written is not told") == "warn"
    assert level(findings, "its version is not told") == "warn"
    assert level(findings, "clock: the store's time is not told") == "warn"
    assert "s3cret" not in json.dumps(findings)


async def test_rights_that_are_missing_fail(store: EmbeddedValkey, tmp_path: Path) -> None:
    client = redis.Redis.from_url(store.url)
    rights = "%R~live:* allchannels -@all +ping +xrange +info +time +subscribe +psubscribe +acl|whoami +acl|dryrun"
    await client.execute_command("ACL", "SETUSER", "edge", "on", ">s3cret", *rights.split())
    await client.aclose()
    code, findings = doctor(tmp_path, store.url.replace("unix://", "unix://edge:s3cret@"))
    assert code == 1
    assert level(findings, "reading needs XREAD, XINFO STREAM, LRANGE") == "fail"
    assert level(findings, "XADD and LPUSH are not permitted") == "warn"


async def test_notifications_that_are_off(store: EmbeddedValkey, tmp_path: Path) -> None:
    client = redis.Redis.from_url(store.url)
    await client.config_set("notify-keyspace-events", "")
    await client.aclose()
    code, findings = doctor(tmp_path, store.url)
    assert code == 0
    assert level(findings, "store: notify-keyspace-events is ''") == "warn"
    assert level(findings, "wake-ups: blocking") == "warn"


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "unix:///none/valkey.sock"])
def test_a_store_that_is_away_fails(url: str, tmp_path: Path) -> None:
    code, findings = doctor(tmp_path, url)
    assert code == 1
    assert level(findings, "does not let us in") == "fail"


async def test_a_wrong_password_fails(store: EmbeddedValkey, tmp_path: Path) -> None:
    code, findings = doctor(tmp_path, store.url.replace("unix://", "unix://nobody:s3cret@"))
    assert code == 1
    assert "s3cret" not in json.dumps(findings)


def test_too_few_descriptors_fail_and_the_line_says_how_many(tmp_path: Path) -> None:
    result = grandstand("doctor", "--set", "viewers.max_connections=1000000", cwd=tmp_path)
    assert result.returncode == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("fail")]
    assert "1001536 needed" in line
    assert "ulimit -n 1001536" in line
    assert not (tmp_path / ".grandstand").exists(), "the doctor starts nothing"


async def test_the_history_is_looked_at_and_left_as_it_is(store: EmbeddedValkey, tmp_path: Path) -> None:
    _, findings = doctor(tmp_path, store.url)
    assert level(findings, "history: `grandstand serve` keeps it") == "ok"
    server = EmbeddedPostgres(tmp_path / "postgres")
    await server.start()
    asked = ("--set", f"history.url={server.url}")
    try:
        code, findings = doctor(tmp_path, store.url, *asked)
        assert (code, level(findings, "will bring the schema")) == (0, "ok")
        database = Database(server.url)
        await migrate(database)
        code, findings = doctor(tmp_path, store.url, *asked)
        assert (code, level(findings, "its schema is up to date")) == (0, "ok")
        await database.fetch("UPDATE migrations SET number = 9999, name = '9999_more' WHERE number = 1")
        await database.close()
        code, findings = doctor(tmp_path, store.url, *asked)
        assert (code, level(findings, "9999_more, which this version does not know")) == (1, "fail")
    finally:
        await server.stop()
    code, findings = doctor(tmp_path, store.url, "--set", "history.url=postgresql://us:s3cret@127.0.0.1:1/x")
    assert (code, level(findings, "history: postgresql://us:***@127.0.0.1:1/x does not let us in")) == (1, "fail")
    assert "s3cret" not in json.dumps(findings)

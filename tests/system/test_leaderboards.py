"""Boards as viewers read them: pages, neighbours, friends over HTTP, and the board as a channel; what is wrong is said."""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import patience
from tests.cli.conftest import grandstand
from tests.stores import Store
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio


def ask(url: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and the JSON answer."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
            return answer.status, dict(answer.headers.items()), json.loads(body) if body else None
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
            return error.code, dict(error.headers.items()), json.loads(body) if body else None


def until(condition: Callable[[], bool], served: GatewayProcess) -> None:
    patience.until(condition, lambda: served.log_text()[-4000:])


@pytest.fixture(scope="module")
def store_and_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, GatewayProcess]]:
    directory = tmp_path_factory.mktemp("boards")
    server = Store(directory / "valkey")
    server.start()
    try:
        with gateway(
            directory / "gateway",
            bus__url=server.reader_url(),
            bus__write_url=server.url,
            boards__season="s1",
            history__url="none",
        ) as served:
            yield server, served
    finally:
        server.stop()


@pytest.fixture(scope="module")
def counted(store_and_gateway: tuple[Store, GatewayProcess]) -> tuple[Store, GatewayProcess]:
    """One match has been played: p00 to p29 with 30 to 1 points, and two that are equal."""
    server, served = store_and_gateway
    studio = Studio(server.url, "match:42")
    studio.open(players={"p00": {"name": "Ana"}})
    for number in range(30):
        studio.publish({"op": "play", "patch": {}, "points": {"kills": {f"p{number:02}": 30 - number}}})
    studio.publish({"op": "play", "patch": {}, "points": {"kills": {"late": 25}}})
    studio.close()
    until(lambda: ask(f"{served.url}/v1/leaderboards/kills.all")[0] == 200, served)
    until(lambda: ask(f"{served.url}/v1/leaderboards/kills.all")[2]["total"] == 31, served)
    return server, served


def test_the_top_is_in_the_total_order(counted: tuple[Store, GatewayProcess]) -> None:
    _, served = counted
    answers: list[tuple[int, dict[str, str], Any]] = []

    def complete() -> bool:
        # An aggregator that gets no processor for a while is behind, and says so.
        answers[:] = [ask(f"{served.url}/v1/leaderboards/kills.match.42?limit=7")]
        return bool(answers[0][2]["complete"])

    until(complete, served)
    status, headers, page = answers[0]
    assert status == 200
    assert [row["rank"] for row in page["rows"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["member"] for row in page["rows"]] == ["p00", "p01", "p02", "p03", "p04", "p05", "late"], (
        "who was first is first"
    )
    assert page["rows"][0] == {"rank": 1, "member": "p00", "points": 30, "name": "Ana"}
    assert "name" not in page["rows"][1]
    assert (page["board"], page["total"], page["offset"], page["complete"]) == ("kills.match.42", 31, 0, True)
    assert abs(page["as_of_ms"] - time.time() * 1000) < 30_000
    assert "s-maxage=1" in headers["cache-control"]

    def unchanged() -> bool:
        # Behind again for a moment is another answer.
        status, _, body = ask(f"{served.url}/v1/leaderboards/kills.match.42?limit=7", if_none_match=headers["etag"])
        return (status, body) == (304, None)

    until(unchanged, served)
    assert ask(f"{served.url}/v1/leaderboards/kills.match.42?limit=8", if_none_match=headers["etag"])[0] == 200
    beyond = ask(f"{served.url}/v1/leaderboards/kills.all?offset=40")[2]
    assert (beyond["rows"], beyond["total"]) == ([], 31)


def test_members_are_found_by_the_beginning_of_a_word(counted: tuple[Store, GatewayProcess]) -> None:
    server, served = counted
    studio = Studio(server.url, "match:43")
    # More than are read whole; two of them called alike.
    called = {"q7": {"name": "Kylian Mbappé"}, "q8": {"name": "Mbapp Other"}, "q9": {"name": "Nobody"}}
    studio.open(players=called)
    for first in range(0, 600, 100):
        studio.publish(
            {"op": "play", "patch": {}, "points": {"saves": {f"q{n}": 1000 - n for n in range(first, first + 100)}}}
        )
    board = f"{served.url}/v1/leaderboards/saves.all"
    until(lambda: ask(board)[0] == 200 and ask(board)[2]["total"] == 600, served)

    def found(query: str, at: str = board) -> list[str]:
        status, _, page = ask(f"{at}/search?{query}")
        assert status == 200, page
        return [row["member"] for row in page["rows"]]

    until(lambda: found("q=mbapp") == ["q7", "q8"], served)
    assert ask(f"{board}/search?q=MBAPP%C3%89")[2]["rows"] == [
        {"rank": 8, "member": "q7", "points": 993, "name": "Kylian Mbappé"}
    ]
    assert found("q=kylian%20mb") == ["q7"]
    assert found("q=mbapp&limit=1") == ["q7"]
    # By the beginning of the id, with a name or without; not by what is only inside.
    until(lambda: len(found("q=Q59")) == 11, served)
    assert found("q=Q59") == ["q59", *(f"q{n}" for n in range(590, 600))]
    assert found("q=q7&limit=2") == ["q7", "q70"]
    assert found("q=bapp") == []
    # Who is called otherwise now is not found by the old name.
    studio.publish({"op": "play", "patch": {"players": {"q8": {"name": "Renamed"}}}, "points": {"saves": {"q8": 0}}})
    until(lambda: found("q=rena") == ["q8"], served)
    assert found("q=mbapp") == ["q7"]
    assert server.client.zrangebylex("names:{aggregate}:found", "[mbapp", "[mbapp\xff") == [b"mbappe\0q7"]
    # A small board is read whole: ids without a name by their beginning, too.
    assert found("q=p1", f"{served.url}/v1/leaderboards/kills.match.42") == [f"p{n}" for n in range(10, 20)]
    assert found("q=an", f"{served.url}/v1/leaderboards/kills.match.42") == ["p00"]
    assert ask(f"{served.url}/v1/leaderboards/nothing.all/search?q=a")[0] == 404
    for wrong, field in (("", "q"), ("q=", "q"), ("q=%20", "q"), (f"q={'x' * 129}", "q"), ("q=a&limit=101", "limit")):
        status, _, problem = ask(f"{board}/search?{wrong}")
        assert (status, problem["field"]) == (422, field), wrong
    studio.close()


def test_boards_are_listed_without_those_of_matches_or_of_some_matches_only(
    counted: tuple[Store, GatewayProcess],
) -> None:
    _, served = counted

    def listed(query: str) -> list[str]:
        status, _, page = ask(f"{served.url}/v1/leaderboards?{query}")
        assert status == 200, page
        return [board["board"] for board in page["boards"]]

    every, of_match = listed("limit=500"), listed("match=42")
    assert "kills.match.42" in of_match
    assert of_match == [board for board in every if board.endswith(".match.42")]
    assert listed("matches=false&limit=500") == [board for board in every if ".match." not in board] != []
    assert listed("match=41,40") == []
    # Page by page, each after the last board of the one before.
    paged, cursor = list[str](), ""
    while cursor is not None:
        page = ask(f"{served.url}/v1/leaderboards?limit=3&after={cursor}")[2]
        assert len(page["boards"]) <= 3
        paged += [board["board"] for board in page["boards"]]
        cursor = page["next"]
    assert paged == every
    for wrong, field in (("matches=no", "matches"), ("match=", "match"), ("match=1,,2", "match")):
        status, _, problem = ask(f"{served.url}/v1/leaderboards?{wrong}")
        assert (status, problem["field"]) == (422, field), wrong


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("kills.all?offset=3&limit=11", "ZRANGE rank:{board:kills.all} 3 13 WITHSCORES"),
        ("kills.all/members?ids=p07,late,p05", "HMGET score:{board:kills.all} p07 late p05"),
        ("?limit=77&after=a", "ZRANGE boards:{boards}:others (a + BYLEX LIMIT 0 78"),
    ],
)
def test_equal_requests_at_work_at_once_are_one_read(
    counted: tuple[Store, GatewayProcess], path: str, read: str
) -> None:
    """While the store stands still, what reads it waits: one a worker for all who ask it the same."""
    server, served = counted
    url = f"{served.url}/v1/leaderboards" + ("" if path.startswith("?") else "/") + path
    assert ask(url)[0] == 200
    with ThreadPoolExecutor(12) as pool, server.client.monitor() as seen:
        server.freeze()
        try:
            asked = [pool.submit(ask, url) for _ in range(12)]
            for _ in range(20):
                # The workers have had turns since: whoever asked is at work.
                assert ask(f"{served.url}/v1/openapi.json")[0] == 200
            assert not any(one.done() for one in asked)
        finally:
            server.thaw()
        answers = [one.result() for one in asked]
        server.client.echo("the end")
        reads = 0
        while (command := seen.next_command()["command"]) != "ECHO the end":
            reads += command == read
    assert {status for status, _, _ in answers} == {200}
    assert 1 <= reads <= 2, "of two workers, one each"


def test_a_member_with_its_neighbours_and_friends(counted: tuple[Store, GatewayProcess]) -> None:
    _, served = counted
    page = ask(f"{served.url}/v1/leaderboards/kills.all/around/p10?span=2")[2]
    assert (page["member"], page["offset"]) == ("p10", 9)
    assert [(row["member"], row["rank"]) for row in page["rows"]] == [
        ("p08", 10),
        ("p09", 11),
        ("p10", 12),
        ("p11", 13),
        ("p12", 14),
    ]
    first = ask(f"{served.url}/v1/leaderboards/kills.all/around/p00?span=1")[2]
    assert [row["member"] for row in first["rows"]] == ["p00", "p01"]
    friends = ask(f"{served.url}/v1/leaderboards/kills.all/members?ids=p12,nobody,p00,p12")[2]
    assert [(row["member"], row["rank"]) for row in friends["rows"]] == [("p00", 1), ("p12", 14)]
    assert friends["total"] == 31


def test_every_scope_has_its_board(counted: tuple[Store, GatewayProcess]) -> None:
    _, served = counted
    listed = ask(f"{served.url}/v1/leaderboards")[2]
    scopes = {board["scope"].partition(".")[0] for board in listed["boards"]}
    assert scopes == {"all", "season", "day", "week", "match"}
    assert {board["metric"] for board in listed["boards"]} <= {"kills", "saves"}
    assert all(board["members"] == 31 for board in listed["boards"] if board["metric"] == "kills")
    first = ask(f"{served.url}/v1/leaderboards?limit=2")[2]
    rest = ask(f"{served.url}/v1/leaderboards?limit=500&after={first['next']}")[2]
    assert [b["board"] for b in first["boards"] + rest["boards"]] == [b["board"] for b in listed["boards"]]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("deaths.all", 404, "board"),
        ("kills", 404, "board"),
        ("kills.match.unknown", 404, "board"),
        ("kills.all/around/nobody", 404, "member"),
        ("kills.all?limit=0", 422, "limit"),
        ("kills.all?limit=501", 422, "limit"),
        ("kills.all?offset=-1", 422, "offset"),
        ("kills.all?offset=x", 422, "offset"),
        ("kills.all/around/p01?span=101", 422, "span"),
        ("kills.all/around/" + "x" * 129, 422, "member"),
        ("kills.all/members", 422, "ids"),
        ("kills.all/members?ids=", 422, "ids"),
        ("kills.all/members?ids=p01,,p02", 422, "ids"),
        ("kills.all/members?ids=p01,", 422, "ids"),
        ("kills.all/members?ids=" + ",".join(map(str, range(201))), 422, "ids"),
    ],
)
def test_what_cannot_be_is_a_problem(counted: tuple[Store, GatewayProcess], path: str, status: int, field: str) -> None:
    _, served = counted
    code, headers, problem = ask(f"{served.url}/v1/leaderboards/{path}")
    assert (code, headers["content-type"], problem["status"], problem["field"]) == (
        status,
        "application/problem+json",
        status,
        field,
    )


def board_of(served: GatewayProcess) -> dict[str, Any]:
    return dict(ask(f"{served.url}/v1/channels/board:kills.all")[2]["state"])


def points_of(served: GatewayProcess, member: str) -> object:
    return board_of(served)["rows"].get(member, {}).get("points")


def test_a_board_is_a_channel(counted: tuple[Store, GatewayProcess]) -> None:
    server, served = counted
    until(lambda: ask(f"{served.url}/v1/channels/board:kills.all")[0] == 200, served)
    until(lambda: board_of(served).get("total") == 31, served)
    until(lambda: board_of(served)["rows"].get("p00") == {"rank": 1, "points": 30, "name": "Ana"}, served)
    until(lambda: board_of(served).get("board") == "kills.all", served)
    studio = Studio(server.url, "match:channel")
    studio.open()
    studio.publish({"op": "play", "patch": {}, "points": {"kills": {"p29": 100}}})
    until(lambda: points_of(served, "p29") == 101, served)
    studio.publish({"op": "void"})
    until(lambda: points_of(served, "p29") == 1, served)
    assert ask(f"{served.url}/v1/leaderboards/kills.all/members?ids=p29")[2]["rows"][0]["rank"] == 31
    stamps = [int(fields[b"t"]) for _, fields in server.client.xrange("live:{board:kills.all}")]
    assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(stamps)), "at most once a second"
    studio.close()


def test_a_board_that_a_void_has_emptied_is_an_empty_board(counted: tuple[Store, GatewayProcess]) -> None:
    server, served = counted
    studio = Studio(server.url, "match:taken-back")
    studio.open()
    studio.publish({"op": "play", "patch": {}, "points": {"emptied": {"p1": 3}}})
    board = f"{served.url}/v1/leaderboards/emptied.match.taken-back"
    until(lambda: ask(board)[0] == 200 and ask(board)[2]["total"] == 1, served)
    studio.publish({"op": "void"})
    until(lambda: ask(board)[2].get("total") == 0, served)
    status, _, page = ask(board)
    assert (status, page["rows"], page["offset"]) == (200, [], 0)
    for of in ("members?ids=p1", "search?q=p"):
        status, _, page = ask(f"{board}/{of}")
        assert (status, page["total"], page["rows"]) == (200, 0, []), of
    assert ask(f"{board}/around/p1")[0] == 404
    listed = ask(f"{served.url}/v1/leaderboards?match=taken-back")[2]["boards"]
    assert [(one["board"], one["members"]) for one in listed] == [("emptied.match.taken-back", 0)]
    # What is scored again is on it; one that nobody has ever scored on is none.
    studio.publish({"op": "play", "patch": {}, "points": {"emptied": {"p2": 5}}})
    until(lambda: [row["member"] for row in ask(board)[2]["rows"]] == ["p2"], served)
    assert ask(f"{served.url}/v1/leaderboards/emptied.match.never")[0] == 404
    studio.close()


def test_a_board_of_another_type_is_said_and_mended(counted: tuple[Store, GatewayProcess]) -> None:
    server, served = counted
    studio = Studio(server.url, "match:odd")
    studio.open()
    studio.publish({"op": "play", "patch": {}, "points": {"odd": {"a": 1}, "fine": {"a": 1}}})
    until(lambda: ask(f"{served.url}/v1/leaderboards/odd.all")[0] == 200, served)
    server.client.delete("rank:{board:odd.all}")
    server.client.set("rank:{board:odd.all}", "text")
    studio.publish({"op": "play", "patch": {}, "points": {"odd": {"a": 1, "b": 5}, "fine": {"a": 1}}})
    until(lambda: ask(f"{served.url}/v1/leaderboards/fine.all")[2]["rows"][0]["points"] == 2, served)
    page = ask(f"{served.url}/v1/leaderboards/odd.all")
    assert (page[0], page[2]["complete"], page[2]["rows"]) == (200, False, [])
    until(lambda: served.metric("grandstand_boards_broken") == 1, served)
    server.client.delete("rank:{board:odd.all}")
    until(lambda: len(ask(f"{served.url}/v1/leaderboards/odd.all")[2].get("rows", ())) == 2, served)
    until(lambda: ask(f"{served.url}/v1/leaderboards/odd.all")[2]["complete"], served)
    rows = ask(f"{served.url}/v1/leaderboards/odd.all")[2]["rows"]
    assert [(row["member"], row["points"]) for row in rows] == [("b", 5), ("a", 2)]
    studio.close()


def test_points_that_no_board_takes_are_dead_letters(counted: tuple[Store, GatewayProcess]) -> None:
    server, served = counted
    studio = Studio(server.url, "match:poison")
    studio.open()
    many = {f"m{number}": {"a": 1} for number in range(33)}
    for points in (
        {"kills": {"a": 1.5}},
        many,
        {"kills": {"a": 10**10}},
        {"no metric": {"a": 1}},
        {"kills": {"\n": 1}},
    ):
        studio.publish({"op": "play", "patch": {}, "points": points})
    studio.publish({"op": "play", "patch": {}, "points": {"healthy": {"a": 1}}})
    until(lambda: ask(f"{served.url}/v1/leaderboards/healthy.all")[0] == 200, served)
    until(lambda: server.client.xlen("dead:{aggregate}") == 5, served)
    letters = [fields for _, fields in server.client.xrange("dead:{aggregate}")]
    assert [letter[b"reason"] for letter in letters] == [
        b"bad_points",
        b"too_many_boards",
        b"bad_points",
        b"bad_metric",
        b"bad_member",
    ]
    assert {letter[b"channel"] for letter in letters} == {b"match:poison"}
    assert [letter[b"id"] for letter in letters] == [f"{studio.epoch}-{n}".encode() for n in range(1, 6)]
    assert ask(f"{served.url}/v1/leaderboards/m0.all")[0] == 404
    studio.close()


def test_an_operator_sees_letters_and_rebuilds_while_boards_stay_up(
    counted: tuple[Store, GatewayProcess], tmp_path: Path
) -> None:
    server, served = counted
    studio = Studio(server.url, "match:mended")
    studio.open()
    studio.publish({"op": "play", "patch": {}, "points": {"kills": {"p29": 10**10}, "mended": {"a": 1}}})
    until(lambda: ask(f"{served.admin_url}/admin/v1/dead-letters?channel=match:mended")[2]["letters"], served)
    letter = ask(f"{served.admin_url}/admin/v1/dead-letters?channel=match:mended")[2]["letters"][0]
    assert (letter["id"], letter["reason"]) == (f"{studio.epoch}-1", "bad_points")
    assert ask(f"{served.admin_url}/admin/v1/dead-letters?limit=0")[0] == 422
    shown = json.loads(
        grandstand("boards", "letters", "match:mended", "--set", f"bus.url={server.url}", cwd=tmp_path).stdout
    )
    assert (shown["id"], json.loads(shown["entry"])["points"]["kills"]) == (f"{studio.epoch}-1", {"p29": 10**10})
    replayed = grandstand("boards", "replay", "match:mended", "--set", f"bus.url={server.url}", cwd=tmp_path)
    assert replayed.returncode == 0, replayed.stderr
    until(lambda: ask(f"{served.admin_url}/admin/v1/dead-letters?channel=match:mended")[2]["letters"], served)
    before = ask(f"{served.url}/v1/leaderboards/kills.match.42")[2]["rows"]
    server.client.delete("rank:{board:kills.match.42}")
    server.client.hset("tally:{board:kills.match.42}:match:42", "p00", "999 1")
    rebuilt = grandstand("boards", "rebuild", "kills.match.42", "--set", f"bus.url={server.url}", cwd=tmp_path)
    assert rebuilt.stdout == "1 boards are made from 1 streams\n", rebuilt.stderr
    assert ask(f"{served.url}/v1/leaderboards/kills.match.42")[2]["rows"] == before
    assert grandstand("boards", "rebuild", "nonsense", "--set", f"bus.url={server.url}", cwd=tmp_path).returncode == 2
    studio.close()

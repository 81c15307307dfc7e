"""Kinds of boards that a studio adds by settings: by region, by hero, by weapon, within a named window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.aggregate.boards.tally import BAD_VALUE, Counted, count, merge_all, spread
from gateway.model.board_kinds import Kind
from gateway.model.boards import BadPoints, Scopes, expires, parse_board
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.version import Position
from tests.aggregate.boards.recount import recount
from tests.cli.conftest import grandstand
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.system.test_leaderboards import ask, until

REGION = Kind("region", path=("region",))
HERO = Kind("hero", path=("players", "*", "hero"), metrics=frozenset({"kills"}))
WEAPON = Kind("weapon", field="weapon")
CUP = Kind("cup", begins_ms=1_000, ends_ms=2_000)
WEEKEND = Kind("weekend", field="weapon", begins_ms=1_500)
SCOPES = Scopes(kinds=(REGION, HERO, WEAPON, CUP, WEEKEND))
NAME = "match:1"
NOW_MS = 10**13
"""So late that no board of a day takes these stamps."""


def entries(*events: tuple[int, Any]) -> list[Entry]:
    return [Entry(Position(1, seq), t_ms, json.dumps(event).encode()) for seq, (t_ms, event) in enumerate(events)]


def counted(history: list[Entry], scopes: Scopes = SCOPES, max_metrics: int = 32) -> list[Counted]:
    channel = Channel(NAME, ChannelLimits(), ring=False)
    return [count(NAME, one, channel.fold(one, 0), scopes, NOW_MS, max_metrics) for one in history]


def boards_of(history: list[Entry]) -> dict[str, dict[str, tuple[int, int]]]:
    groups: dict[tuple[str, ...], dict[str, tuple[int, int]]] = {}
    merge_all(groups, counted(history))
    return {board: tally for board, tally in spread(groups).items() if board.split(".")[1] not in ("all", "match")}


def play(points: Any, **fields: Any) -> dict[str, Any]:
    return {"op": "play", "patch": {}, "points": points, **fields}


def test_each_kind_names_its_boards() -> None:
    reset = {"op": "reset", "state": {"region": "eu", "players": {"ana": {"hero": "mage"}, "ben": {"hero": 7}}}}
    history = entries(
        (0, reset),
        (1_000, [play({"kills": {"ana": 1, "ben": 2}}, weapon="bow"), play({"score": {"ana": 5}}, weapon="axe")]),
        (
            1_999,
            {
                "op": "swap",
                "patch": {"region": "us", "players": {"ana": {"hero": "scout"}}},
                "points": {"kills": {"ana": 3}},
            },
        ),
        (2_000, play({"kills": {"eva": 1}}, weapon="")),
        (2_001, play({"kills": {"eva": 1}}, weapon="bow")),
    )
    assert boards_of(history) == {
        "kills.region.eu": {"ana": (1, 1_000), "ben": (2, 1_000)},
        "score.region.eu": {"ana": (5, 1_000)},
        "kills.region.us": {"ana": (3, 1_999), "eva": (2, 2_001)},
        "kills.hero.mage": {"ana": (1, 1_000)},
        "kills.hero.7": {"ben": (2, 1_000)},
        "kills.hero.scout": {"ana": (3, 1_999)},
        "kills.weapon.bow": {"ana": (1, 1_000), "ben": (2, 1_000), "eva": (1, 2_001)},
        "score.weapon.axe": {"ana": (5, 1_000)},
        "kills.cup": {"ana": (4, 1_999), "ben": (2, 1_000)},
        "score.cup": {"ana": (5, 1_000)},
        "kills.weekend.bow": {"eva": (1, 2_001)},
    }


def test_a_value_that_names_no_board_is_told_and_costs_no_other_board() -> None:
    history = entries(
        (1, {"op": "reset", "state": {"region": {"name": "eu"}}}), (1, play({"kills": {"ana": 1}}, weapon="great axe"))
    )
    (_, one) = counted(history)
    assert one.reason == BAD_VALUE
    assert {board for boards in one.groups for board in boards} == {"kills.all", "kills.match.1"}


@pytest.mark.parametrize("weapon", [True, 1.5, ["bow"], "x" * 65, "a/b", "ü"])
def test_values_that_name_no_board(weapon: object) -> None:
    (one,) = counted(entries((1, play({"kills": {"ana": 1}}, weapon=weapon))))
    assert one.reason == BAD_VALUE


def test_too_many_boards_and_too_many_points_of_one_board_are_refused() -> None:
    batch = [play({"kills": {"ana": 1}}, weapon=f"w{number}") for number in range(5)]
    with pytest.raises(BadPoints, match="too_many_boards"):
        counted(entries((1, batch)), Scopes(kinds=(WEAPON,), max_further=4))
    assert counted(entries((1, batch)), Scopes(kinds=(WEAPON,), max_further=5))
    # In all it is nothing: no other board would refuse it.
    batch = [
        play({"kills": {"ana": by}}, weapon=weapon) for weapon, by in (("bow", 2_000_000_000), ("axe", -2_000_000_000))
    ]
    with pytest.raises(BadPoints, match="bad_points"):
        counted(entries((1, batch)))


def test_names_of_boards() -> None:
    for good in ("kills.cup", "kills.region.eu", "kills.hero.7", "kills.region.north.east"):
        assert parse_board(good), good
    for bad in (
        "kills.",
        "kills.Cup",
        "kills.season",
        "kills.day.x",
        "kills.region.",
        "kills.all.x",
        "kills.a/b",
        "kills." + "k" * 25,
    ):
        assert parse_board(bad) is None, bad
    assert [expires(f"kills.{scope}") for scope in ("cup", "region.eu", "all", "season.s1", "day.2026-11-25")] == [
        False, True, False, False, True,
    ]  # fmt: skip


POINTS = st.dictionaries(
    st.sampled_from(("kills", "score")),
    st.dictionaries(st.sampled_from(("ana", "ben")), st.integers(-2, 3), min_size=1),
    min_size=1,
)
WEAPONS = st.sampled_from(("bow", "axe", 3, "", None))
EVENTS = st.builds(
    lambda points, weapon, hero, region: {
        "op": "play", "points": points, "weapon": weapon, "patch": {"region": region, "players": {"ana": {"hero": hero}}},
    },
    POINTS, WEAPONS, st.sampled_from(("mage", "scout")), st.sampled_from(("eu", None)),
)  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 3).map(lambda n: n * 700), st.lists(EVENTS, min_size=1, max_size=3)), max_size=8)
)
def test_boards_are_those_of_the_simplest_count(history: list[tuple[int, Any]]) -> None:
    made = entries(*history)
    groups: dict[tuple[str, ...], dict[str, tuple[int, int]]] = {}
    merge_all(groups, counted(made))
    found = {
        board: sorted((member, *score) for member, score in tally.items()) for board, tally in spread(groups).items()
    }
    assert found == {board: sorted(rows) for board, rows in recount({NAME: made}, SCOPES, NOW_MS).items()}


KINDS = {
    "region": {"path": "/region"},
    "hero": {"path": "/players/*/hero", "metrics": ["kills"]},
    "weapon": {"field": "weapon"},
    "cup": {"begins": "2020-01-01T00:00:00Z", "ends": "2100-01-01T00:00:00+02:00"},
    "over": {"ends": "2020-01-01T00:00:00Z"},
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway(tmp_path, boards__kinds=json.dumps(KINDS), history__url="none", listen__workers=1) as process:
        yield process


def test_they_are_listed_and_read_like_others(served: GatewayProcess) -> None:
    studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:42")
    studio.open(region="eu", players={"p1": {"name": "Ana", "hero": "mage"}})
    studio.publish(play({"kills": {"p1": 2, "p2": 1}}, weapon="bow"))
    studio.publish(play({"kills": {"p1": 1}}, weapon="no good"))
    names = [
        "kills.all", "kills.cup", "kills.hero.mage", "kills.match.42", "kills.region.eu", "kills.weapon.bow",
    ]  # fmt: skip

    def listed() -> list[str]:
        return [
            b["board"] for b in ask(f"{served.url}/v1/leaderboards?limit=100")[2]["boards"] if "-" not in b["board"]
        ]

    until(lambda: listed() == names, served)
    until(lambda: ask(f"{served.url}/v1/leaderboards/kills.region.eu")[2]["rows"][0]["points"] == 3, served)
    page = ask(f"{served.url}/v1/leaderboards/kills.weapon.bow/around/p2?span=1")[2]
    assert page["rows"] == [
        {"rank": 1, "member": "p1", "points": 2, "name": "Ana"}, {"rank": 2, "member": "p2", "points": 1},
    ]  # fmt: skip
    assert ask(f"{served.url}/v1/leaderboards/kills.hero.mage")[2]["total"] == 1
    assert ask(f"{served.url}/v1/leaderboards/kills.over")[0] == 404
    assert ask(f"{served.url}/v1/leaderboards/kills.week")[0] == 404
    until(lambda: ask(f"{served.url}/v1/channels/board:kills.cup")[0] == 200, served)
    letters = f"{served.admin_url}/admin/v1/dead-letters"
    until(lambda: len(ask(letters)[2]["letters"]) == 1, served)
    (letter,) = ask(letters)[2]["letters"]
    assert letter["reason"] == "bad_scope"
    studio.close()


def test_a_wrong_kind_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = grandstand("config", "--set", 'boards.kinds={"all": {"field": "weapon"}}', cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == ["grandstand: boards.kinds.all: there are such boards anyway"]

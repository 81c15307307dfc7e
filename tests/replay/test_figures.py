"""The recorded matches, folded: what the events give before the closing correction, the official figures after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.replay.finding import open_recording
from gateway.replay.fold import fold_file
from gateway.replay.recording import Recording
from gateway.replay.simulator import TEAMS, Simulation, simulate
from gateway.replay.sources.opendota import open_opendota
from gateway.replay.story import CLOCK_EVERY_MS
from tests.replay.conftest import FOLDERS

DOTA, ROCKET, FOOTBALL = FOLDERS


def sheet(matches: Path, folder: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((matches / folder / "meta.json").read_bytes())
    return loaded


def rows_by_key(doc: dict[str, Any], official: dict[str, Any]) -> dict[str, Any]:
    """The document's players by the key that the sheet and the rows of the file name them by."""
    by_name = {row["name"]: row for row in doc["players"].values()}
    assert len(by_name) == len(doc["players"]) == len(official["players"])
    return {player["id"]: by_name[player["name"]] for player in official["players"]}


def before_the_end(recording: Recording) -> dict[str, Any]:
    """The document after all moments but the closing one."""
    moments = list(recording.events)
    assert [event["op"] for event in moments[-1][1]] == ["end"]
    return fold_file(recording, len(moments) - 1)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_clock_comes_at_least_every_five_seconds(matches: Path, folder: str) -> None:
    recording = open_recording(str(matches / folder))
    times = [t_ms for t_ms, events in recording.events if any(event["op"] == "clock" for event in events)]
    gaps = [after - before for before, after in zip([0, *times], [*times, recording.duration_ms], strict=True)]
    assert max(gaps) <= CLOCK_EVERY_MS


@pytest.mark.parametrize("folder", FOLDERS)
def test_times_do_not_go_back_and_the_end_is_last(matches: Path, folder: str) -> None:
    recording = open_recording(str(matches / folder))
    times = [t_ms for t_ms, _ in recording.events]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] == recording.duration_ms
    assert fold_file(recording)["status"] == "ended"


def test_dota_derived_figures_are_two_kills_short_of_the_official_ones(matches: Path) -> None:
    official = sheet(matches, DOTA)
    doc = before_the_end(open_recording(str(matches / DOTA)))
    players = {player["id"]: player["final"] for player in official["players"]}
    rows = rows_by_key(doc, official)
    scores = {team: doc["teams"][team]["score"] for team in ("radiant", "dire")}
    assert sum(official["score"]) == 69
    assert scores == {"radiant": 33, "dire": 34}
    assert sum(row["kills"] for row in rows.values()) == 67
    assert sum(row["deaths"] for row in rows.values()) == 67
    short = {
        name: {key: final[name] - rows[key][name] for key, final in players.items()} for name in ("kills", "deaths")
    }
    assert {key: by for key, by in short["kills"].items() if by} == {"p0": 1, "p7": 1}
    assert {key: by for key, by in short["deaths"].items() if by} == {"p0": 1, "p5": 1}
    # The economy is told once a minute, the last time 29 s before the end.
    for key, final in players.items():
        assert 0 <= final["last_hits"] - rows[key]["last_hits"] <= 11
        assert 0 <= final["denies"] - rows[key]["denies"] <= 1
    # Assists are in no row at all.
    assert not any("assists" in row for row in rows.values())


@pytest.mark.parametrize("source", ["events", "opendota"])
def test_dota_final_figures_are_the_official_ones(matches: Path, source: str) -> None:
    official = sheet(matches, DOTA)
    folder = matches / DOTA
    doc = fold_file(open_recording(str(folder)) if source == "events" else open_opendota(folder / "opendota.json.gz"))
    assert [doc["teams"][team]["score"] for team in ("radiant", "dire")] == official["score"] == [34, 35]
    assert doc["winner"] == "dire"
    for player in official["players"]:
        row = rows_by_key(doc, official)[player["id"]]
        final = {name: value for name, value in player["final"].items() if value is not None}
        assert {name: row[name] for name in final} == final
        assert (row["name"], row["team"], row["hero"]) == (player["name"], player["team"], player["hero"])
    assert doc["clock"] == {"t_ms": 2_189_000, "running": False, "period": "ended"}
    assert [doc["teams"][team]["name"] for team in ("radiant", "dire")] == ["PSG.LGD", "OG"]


def test_dota_counts_of_rows_are_those_of_the_sheet(matches: Path) -> None:
    types = sheet(matches, DOTA)["stats"]["types"]
    doc = fold_file(open_recording(str(matches / DOTA)))
    players = doc["players"].values()
    assert sum(player.get("purchases", 0) for player in players) == types["item_purchase"]
    assert sum(player.get("runes", 0) for player in players) == types["rune_pickup"]
    assert sum(player.get("buybacks", 0) for player in players) == types["buyback"]
    assert sum(player.get("observers_placed", 0) for player in players) == types["ward_observer_placed"]
    assert sum(player.get("sentries_placed", 0) for player in players) == types["ward_sentry_placed"]
    assert len(doc["figures"]["draft"]) == types["ban"] + types["pick"]
    # 24 rows, of which first blood, the courier and the aegis are events of their own.
    assert len(doc["objectives"]) == types["objective"] - 3
    assert doc["figures"]["advantage"] == {"gold": -19552, "xp": -26133}


def test_dota_wards_leave_the_document_when_they_are_gone(matches: Path) -> None:
    types = sheet(matches, DOTA)["stats"]["types"]
    doc = fold_file(open_recording(str(matches / DOTA)))
    placed = types["ward_observer_placed"] + types["ward_sentry_placed"]
    gone = types["ward_observer_gone"] + types["ward_sentry_gone"]
    assert len(doc["figures"]["wards"]) == placed - gone == 12


def test_rocket_league_figures_are_derived_before_any_correction(matches: Path) -> None:
    official = sheet(matches, ROCKET)
    doc = before_the_end(open_recording(str(matches / ROCKET)))
    assert {team: row["score"] for team, row in doc["teams"].items()} == official["score"] == {"blue": 2, "orange": 1}
    for player in official["players"]:
        row = rows_by_key(doc, official)[player["id"]]
        derived = ("goals", "assists", "saves", "shots")
        assert {name: row[name] for name in derived} == {name: player["final"][name] for name in derived}
        assert "points" not in row
    types = official["stats"]["types"]
    assert sum(row["boost_pickups"] for row in doc["players"].values()) == types["boost_pickup"]
    assert sum(row["touches"] for row in doc["teams"].values()) == types["ball_touch"]


def test_rocket_league_final_figures_are_the_official_ones(matches: Path) -> None:
    official = sheet(matches, ROCKET)
    recording = open_recording(str(matches / ROCKET))
    doc = fold_file(recording)
    for player in official["players"]:
        row = rows_by_key(doc, official)[player["id"]]
        final = {"points" if name == "score" else name: value for name, value in player["final"].items()}
        assert {name: row[name] for name in final} == final
    assert doc["winner"] == "blue"
    # Won 21 s into overtime.
    assert doc["clock"]["t_ms"] == 321_000
    assert doc["clock"]["period"] == "overtime"
    # The ball lies behind Orange's line, and everyone is where the last frame has them.
    assert doc["ball"]["pos"] == [-74, 5208, 510]
    assert rows_by_key(doc, official)["p4"]["pos"] == [-181, 639, 1541]
    assert {key: row["boost"] for key, row in rows_by_key(doc, official).items()} == {
        "p0": 65, "p1": 85, "p2": 26, "p3": 18, "p4": 0, "p5": 97,
    }  # fmt: skip


def test_rocket_league_clock_only_goes_up_and_stands_while_goals_are_shown_again(matches: Path) -> None:
    clocks = [
        (t_ms, event)
        for t_ms, events in open_recording(str(matches / ROCKET)).events
        for event in events
        if event["op"] == "clock"
    ]
    values = [event["t_ms"] for _, event in clocks]
    assert values == sorted(values)
    assert {event["running"] for t_ms, event in clocks if 173_500 < t_ms < 192_000} == {False}
    assert {event["period"] for t_ms, event in clocks if t_ms > 350_000} == {"overtime"}


def test_football_ends_four_two_with_the_scorers_at_their_minutes(matches: Path) -> None:
    recording = open_recording(str(matches / FOOTBALL))
    doc = before_the_end(recording)
    assert {team: row["score"] for team, row in doc["teams"].items()} == {"france": 4, "croatia": 2}
    names = {key: row["name"] for key, row in doc["players"].items()}
    goals = [
        (event["minute"], names[event["actor"]], event["team"], event["kind"])
        for _, events in recording.events
        for event in events
        if event["op"] == "score"
    ]
    assert goals == [
        (18, "M. Mandžukić", "france", "own goal"),
        (28, "I. Perišić", "croatia", "goal"),
        (38, "A. Griezmann", "france", "penalty"),
        (59, "P. Pogba", "france", "goal"),
        (65, "K. Mbappé", "france", "goal"),
        (69, "M. Mandžukić", "croatia", "goal"),
    ]
    by_name = {row["name"]: row for row in doc["players"].values()}
    assert by_name["M. Mandžukić"]["goals"] == by_name["M. Mandžukić"]["own_goals"] == 1
    assert sum(row["goals"] for row in doc["players"].values()) == 5
    assert by_name["D. Vida"]["assists"] == 1
    assert fold_file(recording)["winner"] == "france"


def test_football_counts_of_rows_are_those_of_the_sheet(matches: Path) -> None:
    types = sheet(matches, FOOTBALL)["stats"]["types"]
    recording = open_recording(str(matches / FOOTBALL))
    doc = fold_file(recording)
    for rows in (doc["players"].values(), doc["teams"].values()):
        assert sum(row["passes"] for row in rows) == types["pass"]
        assert sum(row["duels"] for row in rows) == types["duel"]
        assert sum(row["fouls"] for row in rows) == types["foul"]
        # The penalty is a shot too. Six of ten save attempts let the ball in.
        assert sum(row["shots"] for row in rows) == types["shot"] + 1
        assert sum(row["saves"] for row in rows) == types["save_attempt"] - 6
    cards = [
        (event["minute"], doc["players"][event["actor"]]["name"], event["color"])
        for _, events in recording.events
        for event in events
        if event["op"] == "card"
    ]
    assert cards == [(27, "N. Kanté", "yellow"), (41, "L. Hernández", "yellow"), (92, "Š. Vrsaljko", "yellow")]


def test_football_clock_counts_the_second_half_from_45_minutes(matches: Path) -> None:
    recording = open_recording(str(matches / FOOTBALL))
    clocks = {t_ms: e for t_ms, events in recording.events for e in events if e["op"] == "clock"}
    assert clocks[2_900_000] == {"op": "clock", "t_ms": 2_900_000, "running": True, "period": "1H"}
    assert clocks[2_910_000] == {"op": "clock", "t_ms": 2_905_875, "running": False, "period": "HT"}
    assert clocks[2_925_000] == {"op": "clock", "t_ms": 2_704_127, "running": True, "period": "2H"}
    statuses = [e["status"] for _, events in recording.events for e in events if e["op"] == "status"]
    assert statuses == ["paused", "live"]
    assert fold_file(recording)["clock"] == {"t_ms": 5_702_150, "running": False, "period": "FT"}


def test_football_places_are_in_one_frame(matches: Path) -> None:
    # Both sides of a duel give the same place, mirrored; here they are the same place.
    recording = open_recording(str(matches / FOOTBALL))
    first_duel = next(events for _, events in recording.events if sum(e["op"] == "duel" for e in events) == 2)
    places = [event["at"]["ball"] for event in first_duel if event["op"] == "position"]
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("folder", "members"),
    [
        (DOTA, ["dota2-ame", "dota2-somnus丶m", "dota2-topson"]),
        (ROCKET, ["rocket-league-jstn", "rocket-league-scrub-killa", "rocket-league-fairy-peak"]),
        (FOOTBALL, ["football-31528", "football-353833"]),
    ],
)
def test_players_have_ids_that_are_theirs_in_every_match_of_the_game(
    matches: Path, folder: str, members: list[str]
) -> None:
    recording = open_recording(str(matches / folder))
    assert set(members) < recording.state["players"].keys()
    told = {event.get("actor") for _, events in recording.events for event in events} - {None}
    assert told <= recording.state["players"].keys()


def test_the_simulated_match_folds_to_its_own_score() -> None:
    recording = simulate(Simulation(seed=3, duration_s=300))
    doc = fold_file(recording)
    kills = dict.fromkeys(TEAMS, 0)
    for row in doc["players"].values():
        kills[row["team"]] += row["kills"]
    worth = {"titan": 8}
    taken = dict.fromkeys(TEAMS, 0)
    for key, objective in doc["objectives"].items():
        taken[objective["team"]] += worth.get(key.split("-")[0], 3)
    assert {team: row["score"] for team, row in doc["teams"].items()} == {t: kills[t] + taken[t] for t in TEAMS}
    assert sum(row["deaths"] for row in doc["players"].values()) == sum(kills.values())
    assert doc["status"] == "ended"

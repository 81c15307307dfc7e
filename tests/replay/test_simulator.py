"""The simulated match: the same seed gives the same match, and it looks like one."""

from __future__ import annotations

from collections import Counter
from math import hypot

import pytest

from gateway.replay.arena import HEIGHT, WIDTH
from gateway.replay.recording import Event, Recording
from gateway.replay.simulator import TEAMS, Simulation, simulate


def events_of(recording: Recording, op: str) -> list[tuple[int, Event]]:
    return [(t_ms, event) for t_ms, events in recording.events for event in events if event["op"] == op]


@pytest.fixture(scope="module")
def match() -> Recording:
    return simulate(Simulation(seed=3, duration_s=600))


def test_a_seed_gives_the_same_match_every_time() -> None:
    settings = Simulation(seed=11, duration_s=60)
    first, second = simulate(settings), simulate(settings)
    assert first.state == second.state
    assert list(first.events) == list(second.events) == list(first.events)


def test_another_seed_gives_another_match() -> None:
    first, second = (simulate(Simulation(seed=seed, duration_s=60)) for seed in (11, 12))
    assert list(first.events) != list(second.events)


def test_a_seed_gives_this_match_on_every_machine() -> None:
    # Positions after a minute; only exactly rounded arithmetic is used, so these hold anywhere.
    places: dict[str, list[int]] = {}
    for _, event in events_of(simulate(Simulation(seed=1, duration_s=60)), "position"):
        places |= event.get("at", {})
    players = ("aster", "saffron", "nettle", "vetch")
    assert [places[f"arena-{player}"] for player in players] == [[723, 535], [679, 424], [823, 633], [717, 770]]


def test_seeds_that_follow_each_other_play_a_league() -> None:
    meetings = Counter[frozenset[str]]()
    team_of: dict[str, str] = {}
    for day in range(10):
        playing: set[str] = set()
        for seed in range(3 * day + 1, 3 * day + 4):
            state = simulate(Simulation(seed=seed)).state
            names = {key: team["name"] for key, team in state["teams"].items()}
            meetings[frozenset(names.values())] += 1
            playing |= set(names.values())
            for player, row in state["players"].items():
                assert team_of.setdefault(player, names[row["team"]]) == names[row["team"]]
        assert len(playing) == 6
    assert len(meetings) == 15
    assert set(meetings.values()) == {2}
    assert Counter(team_of.values()) == dict.fromkeys(team_of.values(), 5)


def test_time_does_not_go_back_and_ends_with_the_end(match: Recording) -> None:
    moments = list(match.events)
    times = [t_ms for t_ms, _ in moments]
    assert times == sorted(times)
    assert times[-1] == match.duration_ms == 600_000
    assert moments[-1][1][-1]["op"] == "end"


def test_a_clock_comes_at_least_every_five_seconds(match: Recording) -> None:
    times = [t_ms for t_ms, _ in events_of(match, "clock")]
    assert max(after - before for before, after in zip([0, *times], times, strict=False)) <= 5_000


def test_positions_come_ten_times_a_second_and_players_move_smoothly(match: Recording) -> None:
    state_players = match.state["players"]
    last: dict[str, tuple[int, list[int]]] = {key: (0, player["pos"]) for key, player in state_players.items()}
    ticks = 0
    longest = 0.0
    for t_ms, events in match.events:
        back = {event["actor"] for event in events if event["op"] == "respawn"}
        for event in events:
            if event["op"] != "position" or "at" not in event:
                continue
            ticks += 1
            for key, (x, y) in event["at"].items():
                assert 0 <= x <= WIDTH
                assert 0 <= y <= HEIGHT
                before_ms, (was_x, was_y) = last[key]
                if key not in back:
                    ticks_between = max(1, (t_ms - before_ms) // 100)
                    longest = max(longest, hypot(x - was_x, y - was_y) / min(ticks_between, 3))
                last[key] = (t_ms, [x, y])
    assert ticks > 0.99 * 6_000
    # 75 units a second and some drift are about 10 units a tick, with rounding.
    assert longest <= 14


def test_figures_of_the_events_add_up(match: Recording) -> None:
    kills = [event for _, event in events_of(match, "kill")]
    assert 20 < len(kills) < 200
    team = {key: player["team"] for key, player in match.state["players"].items()}
    assert all(team[kill["actor"]] == kill["team"] != team[kill["target"]] for kill in kills)
    objectives = [event for _, event in events_of(match, "objective")]
    assert len({objective["id"] for objective in objectives}) == len(objectives) > 5
    scores: Counter[str] = Counter()
    for _, event in events_of(match, "score"):
        scores[event["team"]] += event.get("by", 1)
    end = events_of(match, "end")[-1][1]
    assert end["winner"] == max(TEAMS, key=lambda name: scores[name])


def test_most_matches_turn() -> None:
    turned = 0
    for seed in range(10):
        lead: list[int] = []
        score = Counter[str]()
        for t_ms, event in events_of(simulate(Simulation(seed=seed, duration_s=600, events_per_s=0)), "score"):
            score[event["team"]] += event.get("by", 1)
            ahead = (score[TEAMS[0]] > score[TEAMS[1]]) - (score[TEAMS[0]] < score[TEAMS[1]])
            if t_ms > 60_000 and ahead and (not lead or lead[-1] != ahead):
                lead.append(ahead)
        turned += len(lead) > 1
    assert turned >= 5


@pytest.mark.parametrize("rate", [0.0, 2.0, 20.0])
def test_the_rate_of_small_happenings_is_the_one_asked_for(rate: float) -> None:
    recording = simulate(Simulation(seed=5, duration_s=120, events_per_s=rate))
    small = len(events_of(recording, "pickup")) + len(events_of(recording, "skill"))
    assert small == pytest.approx(rate * 120, rel=0.1)


def test_the_rate_of_small_happenings_does_not_change_the_match() -> None:
    quiet, busy = (simulate(Simulation(seed=5, duration_s=120, events_per_s=rate)) for rate in (0, 20))
    assert events_of(quiet, "kill") == events_of(busy, "kill")


@pytest.mark.parametrize("hz", [1, 10, 30])
def test_the_rate_of_positions_is_the_one_asked_for(hz: int) -> None:
    recording = simulate(Simulation(seed=5, duration_s=30, positions_hz=hz))
    ticks = sum("at" in event for _, event in events_of(recording, "position"))
    assert ticks == pytest.approx(30 * hz, rel=0.1)


@pytest.mark.parametrize(
    "settings", [{"duration_s": 1}, {"positions_hz": 0}, {"events_per_s": -1.0}, {"positions_hz": 1000}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Simulation(**settings)  # type: ignore[arg-type]

"""Football: Wyscout-like events (positions 0 to 100, tags) with their meta.json, as Grandstand events.

Owns what types and tags mean for the document. Tag 101 on a save attempt marks the goal that it let in, not another
goal. Positions are given as the acting team sees them; here the first team always plays from left to right.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.replay.figures import Figures
from gateway.replay.lines import Row, meaning_of, read_document, read_rows
from gateway.replay.members import member_ids
from gateway.replay.recording import Event, Recording, RecordingError
from gateway.replay.story import Story

GOAL, OWN_GOAL, ASSIST, ACCURATE, DUEL_WON = 101, 102, 301, 1801, 703
_CARDS = {1701: "red", 1702: "yellow", 1703: "second yellow"}
# A second yellow card counts as the red one that it is.
_CARD_FIGURES = {"yellow": "yellow_cards", "red": "red_cards", "second yellow": "red_cards"}
_COLORS = ("#2b4fa8", "#d8343c")
_HALF_MS = 2_700_000
# Where the data has no place it has one of these corners.
_NOWHERE = ([0, 0], [100, 100])
_PLAYER_FIGURES = ("goals", "assists", "shots", "passes", "passes_accurate", "duels", "duels_won", "fouls", "saves")
_TEAM_FIGURES = ("shots", "passes", "passes_accurate", "duels", "fouls", "corners", "offsides", "saves")


def open_football(events: Path, meta: Path) -> Recording:
    """The recording of an event file and its `meta.json`."""
    sheet = read_document(meta)
    rows = list(read_rows(events))
    match_id = events.resolve().parent.name
    with meaning_of(str(meta)):
        match = _Match(sheet, match_id)
    for line, row in rows:
        with meaning_of(str(events), line):
            match.tell(row, str(events), line)
    with meaning_of(str(meta)):
        state = match.opening()
    moments = match.story.moments(0, match.clock_at, match.ending())
    return Recording(match_id, state["title"], "football", state, moments, moments[-1][0])


class _Match:
    """The telling of one match: sheet, running figures, periods and story."""

    def __init__(self, sheet: Row, match_id: str) -> None:
        self.sheet = sheet
        self.story = Story()
        self.figures = Figures()
        names = [str(name) for name in sheet["teams"].values()]
        self.teams = {name: name.lower().replace(" ", "-") for name in names}
        self.order = {team: number for number, team in enumerate(self.teams.values())}
        # The data's own numbers: two may have one name.
        numbers = [str(player["id"]) for player in sheet["players"]]
        self._members = member_ids("football", match_id, dict(zip(numbers, numbers, strict=True)))
        self.squad: dict[str, Row] = {self._members[str(player["id"])]: player for player in sheet["players"]}
        self.played: dict[str, None] = {}
        self.score = dict.fromkeys(self.teams.values(), 0)
        # Period -> feed time of its kick-off and of its last event.
        self._periods: dict[str, tuple[int, int]] = {}
        self._passer: str | None = None
        self.by_type: dict[str, Callable[[Row, Event], None]] = {
            "pass": self._pass,
            "duel": self._duel,
            "others_on_the_ball": self._touch,
            "free_kick": self._free_kick,
            "foul": self._foul,
            "shot": self._shot,
            "save_attempt": self._save_attempt,
            "goalkeeper_leaving_line": lambda row, event: None,
            "offside": lambda row, event: self._count(event, "offsides"),
        }

    def opening(self) -> dict[str, Any]:
        """The state of the `reset` event; players are those who take part."""
        competition = self.sheet.get("competition")
        zeros = dict.fromkeys(_PLAYER_FIGURES, 0)
        return {
            "title": " – ".join(self.teams) + (f" · {competition}" if competition else ""),
            "game": "football",
            "status": "live",
            "clock": {"t_ms": 0, "running": True, "period": "1H"},
            "teams": {
                team: {"name": name, "score": 0, "order": number, "color": _COLORS[number % 2]}
                | dict.fromkeys(_TEAM_FIGURES, 0)
                for number, (name, team) in enumerate(self.teams.items())
            },
            "players": {
                key: {"name": player["name"], "team": self.teams[player["team"]], "role": player["role"], **zeros}
                for key in self.played
                for player in [self.squad[key]]
            },
            "objectives": {},
            "ball": {"pos": [50, 50]},
            "map": {"x": [0, 100], "y": [0, 100]},
        }

    def clock_at(self, t_ms: int) -> Event:
        """The clock event of a feed time; the second half counts from 45 minutes, the break stands still."""
        current, running, clock_ms = "1H", True, t_ms
        for number, (period, (kick_off_ms, end_ms)) in enumerate(self._periods.items()):
            if t_ms < kick_off_ms:
                break
            running = t_ms <= end_ms
            current = period if running else "HT"
            clock_ms = number * _HALF_MS + min(t_ms, end_ms) - kick_off_ms
        return {"op": "clock", "t_ms": clock_ms, "running": running, "period": current}

    def ending(self) -> Event:
        """The closing event."""
        clock = self.clock_at(self.story.last_ms()) | {"running": False, "period": "FT"}
        del clock["op"]
        ending: Event = {"op": "end"}
        patch: dict[str, Any] = {"status": "ended", "clock": clock}
        best = max(self.score, key=lambda team: self.score[team])
        if list(self.score.values()).count(self.score[best]) == 1:
            ending["winner"] = patch["winner"] = best
        return ending | {"patch": patch}

    def tell(self, row: Row, where: str, line: int) -> None:
        """One row of the file: the happening, what its tags add, and where the ball is."""
        t_ms, kind = int(row["t"]), row["type"]
        count = self.by_type.get(kind)
        if count is None:
            raise RecordingError(where, f"unknown type of event {kind!r}", line)
        player, team = self._members[str(row["player"])], self.teams[row["team"]]
        self.played[player] = None
        self._follow_period(t_ms, row)
        op = {"others_on_the_ball": "touch", "save_attempt": "save"}.get(kind, kind)
        event: Event = {"op": op, "actor": player, "team": team}
        if row["sub"] and row["sub"].lower().replace(" ", "_") != kind:
            event["kind"] = row["sub"]
        events: list[Event] = [event]
        place = self._place(row["pos"][0], team)
        count(row, event)
        tags = set(row["tags"])
        if ASSIST in tags:
            self._passer = player
        if GOAL in tags and kind != "save_attempt":
            events = self._goal(row, event)
        elif OWN_GOAL in tags:
            events = self._own_goal(row, event)
        else:
            event["patch"] = self.figures.patch()
        for tag in tags & _CARDS.keys():
            self.figures.add("players", player, _CARD_FIGURES[_CARDS[tag]])
            self.figures.add("teams", team, _CARD_FIGURES[_CARDS[tag]])
            card = {"op": "card", "actor": player, "team": team, "color": _CARDS[tag], "minute": self._minute(row)}
            events.append(card | {"patch": self.figures.patch()})
        if place is not None:
            events.append({"op": "position", "at": {"ball": place, player: place}})
        self.story.tell(t_ms, *events)

    def _follow_period(self, t_ms: int, row: Row) -> None:
        period = row["period"]
        if period not in self._periods:
            kick_off_ms = max(0, t_ms - round(row["clock_s"] * 1000)) if self._periods else 0
            if self._periods:
                ended_ms = next(reversed(self._periods.values()))[1]
                self.story.tell(ended_ms, {"op": "status", "status": "paused"})
                self.story.tell(kick_off_ms, {"op": "status", "status": "live"})
            self._periods[period] = (kick_off_ms, t_ms)
        kick_off_ms, _ = self._periods[period]
        self._periods[period] = (kick_off_ms, t_ms)

    def _minute(self, row: Row) -> int:
        half = list(self._periods).index(row["period"])
        return 45 * half + int(row["clock_s"] // 60) + 1

    def _place(self, pos: list[int], team: str) -> list[int] | None:
        if pos in _NOWHERE:
            return None
        x, y = pos
        return [x, y] if self.order[team] == 0 else [100 - x, 100 - y]

    def _count(self, event: Event, figure: str) -> None:
        if figure in _PLAYER_FIGURES:
            self.figures.add("players", event["actor"], figure)
        if figure in _TEAM_FIGURES:
            self.figures.add("teams", event["team"], figure)

    def _pass(self, row: Row, event: Event) -> None:
        self._count(event, "passes")
        if ACCURATE in row["tags"]:
            self._count(event, "passes_accurate")
        if len(row["pos"]) > 1 and (to := self._place(row["pos"][1], event["team"])) is not None:
            event["to"] = to

    def _duel(self, row: Row, event: Event) -> None:
        self._count(event, "duels")
        if DUEL_WON in row["tags"]:
            self._count(event, "duels_won")

    def _touch(self, row: Row, event: Event) -> None:
        pass

    def _free_kick(self, row: Row, event: Event) -> None:
        if row["sub"] == "Corner":
            self._count(event, "corners")
        elif row["sub"] == "Penalty":
            self._count(event, "shots")

    def _foul(self, row: Row, event: Event) -> None:
        self._count(event, "fouls")

    def _shot(self, row: Row, event: Event) -> None:
        event["on_target"] = ACCURATE in row["tags"]
        self._count(event, "shots")

    def _save_attempt(self, row: Row, event: Event) -> None:
        if GOAL in row["tags"]:
            event["op"] = "save_missed"
        else:
            self._count(event, "saves")

    def _goal(self, row: Row, event: Event) -> list[Event]:
        player, team = event["actor"], event["team"]
        self.score[team] += 1
        self.figures.add("players", player, "goals")
        self.figures.set("teams", team, "score", to=self.score[team])
        kind = "penalty" if row["sub"] == "Penalty" else "goal"
        goal = {"op": "score", "actor": player, "team": team, "kind": kind, "minute": self._minute(row)}
        events: list[Event] = [goal | {"patch": self.figures.patch()}]
        if self._passer is not None and kind == "goal":
            events.append({"op": "assist", "actor": self._passer, "team": team})
        self._passer = None
        return events

    def _own_goal(self, row: Row, event: Event) -> list[Event]:
        team = next(other for other in self.score if other != event["team"])
        self.score[team] += 1
        self.figures.set("teams", team, "score", to=self.score[team])
        self.figures.add("players", event["actor"], "own_goals")
        goal = {"op": "score", "actor": event["actor"], "team": team, "kind": "own goal", "minute": self._minute(row)}
        # Nobody's points: it counts for the team, not for the one who did it.
        return [goal | {"patch": self.figures.patch(), "points": {}}]

"""Rocket League: an event file and, if there is one, a file of positions, as Grandstand events.

Owns what each row means for the document. Blue's goal is at negative y. The players' own points (`score` in
meta.json) count things that the events do not name; they come with the closing `end` event.
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

TEAMS = ("blue", "orange")
_COLORS = {"blue": "#2f7fe6", "orange": "#f0862e"}
_REGULATION_S = 300
# Boost changes with nearly every frame; once a second is enough to read it.
_BOOST_EVERY_MS = 1_000


def open_rocket_league(events: Path, meta: Path, positions: Path | None = None) -> Recording:
    """The recording of an event file, its `meta.json`, and optionally a file of positions to merge in by time."""
    sheet = read_document(meta)
    match_id = events.resolve().parent.name
    with meaning_of(str(meta)):
        match = _Match(sheet, match_id)
        state = match.opening()
    _tell(match, events)
    if positions is not None:
        _tell(match, positions)
        match.close_boost()
    moments = match.story.moments(0, match.clock_at, match.ending())
    return Recording(match_id, state["title"], "rocket-league", state, moments, moments[-1][0])


def _tell(match: _Match, path: Path) -> None:
    for line, row in read_rows(path):
        with meaning_of(str(path), line):
            tell = match.by_type.get(row["type"])
            if tell is None:
                raise RecordingError(str(path), f"unknown type of event {row['type']!r}", line)
            tell(int(row["t"]), row)


class _Match:
    """The telling of one match: sheet, running figures, last known places and story."""

    def __init__(self, sheet: Row, match_id: str) -> None:
        self.sheet = sheet
        self.story = Story()
        self.figures = Figures()
        known_as = {player["id"]: player["name"] for player in sheet["players"]}
        self._members = member_ids("rocket-league", match_id, known_as)
        self.players: dict[str, Row] = {self._members[player["id"]]: player for player in sheet["players"]}
        self._score = dict.fromkeys(TEAMS, 0)
        self._clocks: list[tuple[int, Event]] = []
        self._overtime = False
        self._places: dict[str, list[int]] = {}
        self._boost: dict[str, int] = {}
        self._boost_told: dict[str, int] = {}
        self._boost_due_ms = 0
        self.by_type: dict[str, Callable[[int, Row], None]] = {
            "clock": self._clock,
            "goal": self._goal,
            "stat_shot": self._shot,
            "stat_save": self._save,
            "stat_assist": self._assist,
            "ball_touch": self._touch,
            "boost_pickup": self._boost_pickup,
            "positions": self._positions,
        }

    def opening(self) -> dict[str, Any]:
        """The state of the `reset` event."""
        arena = self.sheet.get("arena") or {}
        zeros = ("goals", "assists", "saves", "shots", "boost_pickups")
        kind = f"{self.sheet.get('match_type') or 'match'} {str(self.sheet.get('date') or '')[:10]}".strip()
        return {
            "title": f"Blue – Orange · Rocket League, {kind}",
            "game": "rocket-league",
            "status": "live",
            "clock": {"t_ms": 0, "running": False, "period": "regulation", "limit_ms": _REGULATION_S * 1000},
            "teams": {
                team: {"name": team.title(), "score": 0, "order": order, "color": _COLORS[team], "touches": 0}
                for order, team in enumerate(TEAMS)
            },
            "players": {
                key: {"name": player["name"], "team": player["team"], **dict.fromkeys(zeros, 0)}
                for key, player in self.players.items()
            },
            "ball": {"pos": [0, 0, 93]},
            "map": {axis: arena[axis] for axis in ("x", "y", "z") if axis in arena},
        }

    def clock_at(self, t_ms: int) -> Event:
        """The clock between the file's own: it stands still then (kick-off, the replay of a goal)."""
        before = [event for told_ms, event in self._clocks if told_ms <= t_ms]
        last = before[-1] if before else {"op": "clock", "t_ms": 0, "period": "regulation"}
        return last | {"running": False}

    def ending(self) -> Event:
        """The closing event: score and players are what the events gave, but for the players' own points."""
        blue, orange = (self._score[team] for team in TEAMS)
        winner = TEAMS[0] if blue > orange else TEAMS[1]
        last = self._clocks[-1][1] if self._clocks else {"t_ms": 0, "period": "regulation"}
        finals = {
            key: {"points" if name == "score" else name: value for name, value in player["final"].items()}
            for key, player in self.players.items()
        }
        patch: dict[str, Any] = {
            "status": "ended",
            "clock": {"t_ms": last["t_ms"], "running": False, "period": last["period"]},
            "teams": {team: {"score": score} for team, score in self.sheet["score"].items()},
            "players": finals,
        }
        ending: Event = {"op": "end"}
        if blue != orange:
            ending["winner"] = patch["winner"] = winner
        return ending | {"patch": patch}

    def _clock(self, t_ms: int, row: Row) -> None:
        # The file counts down to zero and, in overtime, up from there; the document's clock only goes up.
        remaining_s = int(row["seconds_remaining"])
        if self._clocks and not self._overtime:
            elapsed_s = self._clocks[-1][1]["t_ms"] // 1000
            self._overtime = elapsed_s >= _REGULATION_S and remaining_s > 0
        elapsed_s = _REGULATION_S + remaining_s if self._overtime else _REGULATION_S - remaining_s
        period = "overtime" if self._overtime else "regulation"
        event: Event = {"op": "clock", "t_ms": elapsed_s * 1000, "running": t_ms > 0, "period": period}
        self._clocks.append((t_ms, event))
        self.story.tell(t_ms, event)

    def _goal(self, t_ms: int, row: Row) -> None:
        player, team = self._player(row["player"]), str(row["team"])
        self._score[team] += 1
        self.figures.add("players", player, "goals")
        self.figures.set("teams", team, "score", to=self._score[team])
        patch = self.figures.patch()
        self.story.tell(t_ms, {"op": "score", "team": team, "actor": player, "pos": row["pos"], "patch": patch})

    def _shot(self, t_ms: int, row: Row) -> None:
        event = self._count(row, "shot", "shots")
        if "ball_speed" in row:
            event["ball_speed"] = row["ball_speed"]
        self.story.tell(t_ms, event)

    def _save(self, t_ms: int, row: Row) -> None:
        self.story.tell(t_ms, self._count(row, "save", "saves"))

    def _assist(self, t_ms: int, row: Row) -> None:
        player = self._player(row["player"])
        self.story.tell(t_ms, {"op": "assist", "actor": player, "team": self.players[player]["team"]})

    def _touch(self, t_ms: int, row: Row) -> None:
        team = str(row["team"])
        self._score[team]
        self.figures.add("teams", team, "touches")
        self.story.tell(t_ms, {"op": "ball_touch", "team": team, "patch": self.figures.patch()})

    def _boost_pickup(self, t_ms: int, row: Row) -> None:
        event = self._count(row, "boost_pickup", "boost_pickups")
        if "size" in row:
            event["size"] = str(row["size"]).lower()
        self.story.tell(t_ms, event)

    def _count(self, row: Row, op: str, figure: str) -> Event:
        player = self._player(row["player"])
        self.figures.add("players", player, figure)
        event: Event = {"op": op, "actor": player, "team": self.players[player]["team"]}
        if "pos" in row:
            event["pos"] = row["pos"]
        return event | {"patch": self.figures.patch()}

    def _positions(self, t_ms: int, row: Row) -> None:
        # Only what has moved is told. A car that is not on the field has no place in the file.
        moved: dict[str, list[int]] = {}
        for key, *numbers in row["o"]:
            name, place = key, numbers[:3]
            if key != "ball":
                name = self._player(key)
                if len(numbers) > 3 and numbers[3] is not None:
                    self._boost[name] = int(numbers[3])
            if None not in place and self._places.get(name) != place:
                self._places[name] = moved[name] = place
        events: list[Event] = []
        if moved:
            events.append({"op": "position", "at": moved})
        if t_ms >= self._boost_due_ms:
            events.extend(self._boost_changes())
            self._boost_due_ms = t_ms + _BOOST_EVERY_MS
        self.story.tell(t_ms, *events)

    def close_boost(self) -> None:
        """Tells what changed in the last second."""
        self.story.tell(self.story.last_ms(), *self._boost_changes())

    def _boost_changes(self) -> list[Event]:
        changed = {key: {"boost": now} for key, now in self._boost.items() if self._boost_told.get(key) != now}
        self._boost_told = dict(self._boost)
        return [{"op": "position", "patch": {"players": changed}}] if changed else []

    def _player(self, key: str) -> str:
        return self._members[key]

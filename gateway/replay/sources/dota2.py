"""Dota 2: an event file with its meta.json, as Grandstand events. Radiant is left, Dire is right.

Owns what each kind of row means for the document; OpenDota's own form becomes the same rows first (opendota.py).
What the rows do not hold (assists, levels, damage) comes with the official figures of the closing `end` event.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gateway.replay.figures import Figures
from gateway.replay.lines import Row, meaning_of, read_document, read_rows
from gateway.replay.members import member_ids
from gateway.replay.recording import Event, Recording, RecordingError
from gateway.replay.story import Story

TEAMS = ("radiant", "dire")
_COLORS = {"radiant": "#5fbf4a", "dire": "#d1483a"}
# Valve's numbers of the teams in objectives.
_TEAM_NUMBERS = {2: "radiant", 3: "dire"}
# The cells of the map in which wards are counted (64 to 192 on both axes).
_MAP = {"x": [64, 192], "y": [64, 192]}
_DRAFT_END_MS = -90_000
_WARDS_PLACED = {"observer": "observers_placed", "sentry": "sentries_placed"}
_BUILDINGS = {"goodguys": "radiant", "badguys": "dire"}
_LANES = {"top": "top", "mid": "middle", "bot": "bottom"}
_TOWER_RE = re.compile(r"tower([1-4])(?:_(top|mid|bot))?")
_BARRACKS_RE = re.compile(r"(melee|range)_rax_(top|mid|bot)")


def open_dota2(events: Path, meta: Path) -> Recording:
    """The recording of an event file (`events.ndjson[.gz]`) and its `meta.json`."""
    sheet = read_document(meta)
    with meaning_of(str(meta)):
        return tell_match(sheet, read_rows(events), where=str(events), match_id=events.resolve().parent.name)


def tell_match(sheet: Row, rows: Iterable[tuple[int | None, Row]], *, where: str, match_id: str) -> Recording:
    """A match from its sheet (the form of meta.json) and its rows; `where` names their origin in errors.

    A player of the sheet may have `known_as`: what they are known as in all matches, if that is not the name.
    """
    match = _Match(sheet, match_id)
    start_ms = 0
    for line, row in rows:
        with meaning_of(where, line):
            t_ms = int(row["t"])
            tell = match.by_type.get(row["type"])
            if tell is None:
                raise RecordingError(where, f"unknown type of event {row['type']!r}", line)
            start_ms = min(start_ms, t_ms)
            tell(t_ms, row)
    match.close_economy()
    state = match.opening(start_ms)
    moments = match.story.moments(start_ms, match.clock, match.ending())
    return Recording(match_id, state["title"], "dota2", state, moments, moments[-1][0])


def _building_name(owner: str, building: str) -> str:
    """A building as a commentator calls it: `tower1_bot` is the "tier 1 bottom tower"."""
    if (tower := _TOWER_RE.fullmatch(building)) is not None:
        parts = ["tier", tower[1], *([_LANES[tower[2]]] if tower[2] else []), "tower"]
    elif (barracks := _BARRACKS_RE.fullmatch(building)) is not None:
        parts = [_LANES[barracks[2]], "ranged" if barracks[1] == "range" else "melee", "barracks"]
    else:
        parts = ["Ancient"] if building == "fort" else building.split("_")
    return " ".join([owner.capitalize(), *parts])


def _period(t_ms: int) -> str:
    if t_ms < _DRAFT_END_MS:
        return "draft"
    return "pre-game" if t_ms < 0 else "game"


class _Match:
    """The telling of one match: sheet, running figures and story."""

    def __init__(self, sheet: Row, match_id: str) -> None:
        self.sheet = sheet
        self.story = Story()
        self.figures = Figures()
        known_as = {player["id"]: player.get("known_as", player["name"]) for player in sheet["players"]}
        self._members = member_ids("dota2", match_id, known_as)
        self.players: dict[str, Row] = {self._members[player["id"]]: player for player in sheet["players"]}
        self.by_hero = {player["hero"]: self._members[player["id"]] for player in sheet["players"]}
        self._objective_ids: Counter[str] = Counter()
        self._economy: tuple[int, dict[str, Any]] | None = None
        self.by_type: dict[str, Callable[[int, Row], None]] = {
            "ban": self._draft,
            "pick": self._draft,
            "item_purchase": self._item_purchase,
            "player_economy": self._player_economy,
            "team_advantage": self._team_advantage,
            "hero_kill": self._hero_kill,
            "objective": self._objective,
            "rune_pickup": self._rune_pickup,
            "chatwheel": self._chatwheel,
            "buyback": self._buyback,
            "teamfight_start": self._teamfight,
            "teamfight_end": self._teamfight,
            "match_end": lambda t_ms, row: None,
        }
        for kind in _WARDS_PLACED:
            self.by_type[f"ward_{kind}_placed"] = self._ward_placed
            self.by_type[f"ward_{kind}_gone"] = self._ward_gone

    def opening(self, start_ms: int) -> dict[str, Any]:
        """The state of the `reset` event."""
        zeros = ("kills", "deaths", "last_hits", "denies", "gold", "xp")
        names = [str(self.sheet[team]) for team in TEAMS]
        league = self.sheet.get("league")
        return {
            "title": " – ".join(names) + (f" · {league}" if league else ""),
            "game": "dota2",
            "status": "live",
            "clock": {"t_ms": start_ms, "running": True, "period": _period(start_ms)},
            "teams": {
                team: {"name": name, "score": 0, "order": order, "color": _COLORS[team]}
                for order, (team, name) in enumerate(zip(TEAMS, names, strict=True))
            },
            "players": {
                key: {"name": player["name"], "team": player["team"], **dict.fromkeys(zeros, 0)}
                for key, player in self.players.items()
            },
            "objectives": {},
            "map": _MAP,
            "figures": {"advantage": {"gold": 0, "xp": 0}, "draft": {}, "wards": {}},
        }

    def clock(self, t_ms: int) -> Event:
        """The clock event of a time."""
        return {"op": "clock", "t_ms": t_ms, "running": True, "period": _period(t_ms)}

    def ending(self) -> Event:
        """The closing event: it carries the official figures, as not everything that they count is in the rows."""
        winner = "radiant" if self.sheet["radiant_win"] else "dire"
        finals = {
            key: {name: value for name, value in player["final"].items() if value is not None}
            for key, player in self.players.items()
        }
        scores = {team: {"score": score} for team, score in zip(TEAMS, self.sheet["score"], strict=True)}
        clock = {"t_ms": self.story.last_ms(), "running": False, "period": "ended"}
        patch = {"status": "ended", "winner": winner, "clock": clock, "teams": scores, "players": finals}
        return {"op": "end", "winner": winner, "patch": patch}

    def _draft(self, t_ms: int, row: Row) -> None:
        op, team, hero = row["type"], row["team"], row["hero"]
        self.figures.set("figures", "draft", f"{row['order']:02}", to={"team": team, "hero": hero, "kind": op})
        event: Event = {"op": op, "team": team, "hero": hero}
        if op == "pick" and hero in self.by_hero:
            event["actor"] = self.by_hero[hero]
            self.figures.set("players", event["actor"], "hero", to=hero)
        self.story.tell(t_ms, event | {"patch": self.figures.patch()})

    def _item_purchase(self, t_ms: int, row: Row) -> None:
        player = self._player(row["player"])
        self.figures.add("players", player, "purchases")
        self.figures.set("players", player, "last_item", to=row["item"])
        event = {"op": "item_purchase", "actor": player, "item": row["item"], "patch": self.figures.patch()}
        self.story.tell(t_ms, event)

    def _player_economy(self, t_ms: int, row: Row) -> None:
        values = {name: int(row[name]) for name in ("gold", "xp", "last_hits", "denies") if row.get(name) is not None}
        self._economy_patch(t_ms).setdefault("players", {})[self._player(row["player"])] = values

    def _team_advantage(self, t_ms: int, row: Row) -> None:
        advantage = {"gold": int(row["radiant_gold"]), "xp": int(row["radiant_xp"])}
        self._economy_patch(t_ms).setdefault("figures", {})["advantage"] = advantage

    def _economy_patch(self, t_ms: int) -> dict[str, Any]:
        """The patch of the minute: the rows of all players at one time are one event."""
        if self._economy is None or self._economy[0] != t_ms:
            self.close_economy()
            self._economy = (t_ms, {})
        return self._economy[1]

    def close_economy(self) -> None:
        """Tells the minute that is open, if one is."""
        if self._economy is not None:
            t_ms, patch = self._economy
            self.story.tell(t_ms, {"op": "economy", "patch": patch})
            self._economy = None

    def _hero_kill(self, t_ms: int, row: Row) -> None:
        player = self._player(row["player"])
        team = self.players[player]["team"]
        event = {"op": "kill", "actor": player, "target": self._player(row["victim"]), "team": team}
        self.story.tell(t_ms, event, {"op": "score", "team": team})

    def _objective(self, t_ms: int, row: Row) -> None:
        kind = str(row["kind"]).removeprefix("chat_message_")
        player = self._player(row["player"]) if row.get("player") is not None else None
        if kind == "building_kill":
            side, _, building = str(row["key"]).removeprefix("npc_dota_").partition("_")
            owner = _BUILDINGS[side]
            taker = "dire" if owner == "radiant" else "radiant"
            self._tell_objective(t_ms, f"{owner}-{building}", _building_name(owner, building), taker, player)
        elif kind == "roshan_kill":
            self._tell_objective(t_ms, "roshan", "Roshan", _TEAM_NUMBERS.get(row.get("team", 0)), player)
        else:
            event: Event = {"op": "first_blood" if kind == "firstblood" else kind}
            if player is not None:
                event["actor"] = player
            if row.get("team") in _TEAM_NUMBERS:
                event["team"] = _TEAM_NUMBERS[row["team"]]
            self.story.tell(t_ms, event | {"patch": {}})

    def _tell_objective(self, t_ms: int, name_id: str, name: str, team: str | None, player: str | None) -> None:
        self._objective_ids[name_id] += 1
        times = self._objective_ids[name_id]
        event: Event = {"op": "objective", "id": name_id if times == 1 else f"{name_id}-{times}", "name": name}
        optional = {"team": team, "player": player}
        self.story.tell(t_ms, event | {k: v for k, v in optional.items() if v is not None} | {"t_ms": t_ms})

    def _rune_pickup(self, t_ms: int, row: Row) -> None:
        player = self._player(row["player"])
        self.figures.add("players", player, "runes")
        event = {"op": "rune_pickup", "actor": player, "rune": row["rune"], "patch": self.figures.patch()}
        self.story.tell(t_ms, event)

    def _chatwheel(self, t_ms: int, row: Row) -> None:
        event = {"op": "chatwheel", "actor": self._player(row["player"]), "phrase": row["phrase_id"], "patch": {}}
        self.story.tell(t_ms, event)

    def _buyback(self, t_ms: int, row: Row) -> None:
        player = self._player(row["player"])
        self.figures.add("players", player, "buybacks")
        self.story.tell(t_ms, {"op": "buyback", "actor": player, "patch": self.figures.patch()})

    def _teamfight(self, t_ms: int, row: Row) -> None:
        started = row["type"] == "teamfight_start"
        self.figures.set("figures", "teamfight", to=started)
        event: Event = {"op": row["type"], "fight": row["fight"], "patch": self.figures.patch()}
        if not started:
            event["deaths"] = row["deaths"]
        self.story.tell(t_ms, event)

    def _ward_placed(self, t_ms: int, row: Row) -> None:
        player = self._player(row["player"])
        kind = row["type"].split("_")[1]
        pos = [row["x"], row["y"]]
        self.figures.add("players", player, _WARDS_PLACED[kind])
        ward = {"kind": kind, "player": player, "pos": pos}
        self.figures.set("figures", "wards", _ward_id(kind, player, pos), to=ward)
        event = {"op": row["type"], "actor": player, "pos": pos, "patch": self.figures.patch()}
        self.story.tell(t_ms, event)

    def _ward_gone(self, t_ms: int, row: Row) -> None:
        player = self._player(row["player"])
        kind = row["type"].split("_")[1]
        pos = [row["x"], row["y"]]
        self.figures.set("figures", "wards", _ward_id(kind, player, pos), to=None)
        event = {"op": row["type"], "actor": player, "pos": pos, "patch": self.figures.patch()}
        self.story.tell(t_ms, event)

    def _player(self, key: str) -> str:
        return self._members[key]


def _ward_id(kind: str, player: str, pos: list[Any]) -> str:
    return f"{kind}-{player}-{pos[0]}-{pos[1]}"

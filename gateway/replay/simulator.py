"""A seeded match of five against five as a recording: positions at 10 Hz, fights, kills, captures, a turn late on.

Owns how the simulated world (arena.py) is told in events; the same settings give the same events, byte for byte.
Nothing is stored: each iteration runs the world again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from gateway.replay.arena import HEIGHT, WIDTH, Capture, Happening, Kill, Return, World
from gateway.replay.recording import Event, Moment, Recording

TEAMS = ("amber", "teal")
_COLORS = {"amber": "#e0a030", "teal": "#2aa198"}
# The league: each team has its players for good, so that boards and stats over many matches are about somebody.
_LEAGUE = {
    "Lanterns": ("Aster", "Cinder", "Ember", "Flint", "Saffron"),
    "Kestrels": ("Dapple", "Juniper", "Larch", "Quill", "Wren"),
    "Ironwood": ("Bramble", "Hazel", "Marlow", "Rowan", "Yarrow"),
    "Saltmarsh": ("Cove", "Fennel", "Kelp", "Rill", "Sedge"),
    "Nightjars": ("Garnet", "Indigo", "Onyx", "Umber", "Vesper"),
    "Foxgloves": ("Nettle", "Pepper", "Sorrel", "Tansy", "Vetch"),
}
_SKILLS = ("dash", "snare", "barrier", "volley", "mend", "flare")
_KILL_WORTH = 1
_PICKUP_GOLD = 25
_CLOCK_EVERY_MS = 1_000
_VITALS_EVERY_MS = 500


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a simulated match is made from."""

    seed: int = 1
    duration_s: int = 600
    positions_hz: int = 10
    events_per_s: float = 1.0
    """Mean rate of the small happenings (pickups, skills), besides positions, clock, kills and captures."""

    def __post_init__(self) -> None:
        if not 10 <= self.duration_s <= 36_000:
            raise ValueError("duration_s must be from 10 to 36000")
        if not 1 <= self.positions_hz <= 60:
            raise ValueError("positions_hz must be from 1 to 60")
        if not 0 <= self.events_per_s <= 1_000:
            raise ValueError("events_per_s must be from 0 to 1000")


def _meeting(seed: int) -> tuple[str, str]:
    """Who meets: seeds that follow each other play the league, three matches a day, each team in one of them."""
    first, *others = _LEAGUE
    day, match = divmod(seed - 1, 3)
    turned = [first, *(others[(place + day) % 5] for place in range(5))]
    home, away = turned[match], turned[5 - match]
    # The other way round the next time.
    return (home, away) if day // 5 % 2 == 0 else (away, home)


def _member(player: str) -> str:
    return f"arena-{player.lower()}"


def _world(simulation: Simulation) -> World:
    keys = [_member(player) for team in _meeting(simulation.seed) for player in _LEAGUE[team]]
    return World(Random(simulation.seed), simulation.duration_s * 1000, keys)


def simulate(simulation: Simulation) -> Recording:
    """The recording of a simulated match."""
    state = _opening(simulation)
    duration_ms = simulation.duration_s * 1000
    return Recording(f"arena-{simulation.seed}", state["title"], "arena", state, _Events(simulation), duration_ms)


def _opening(simulation: Simulation) -> dict[str, Any]:
    teams = _meeting(simulation.seed)
    players = [player for team in teams for player in _LEAGUE[team]]
    world = _world(simulation)
    zeros = dict.fromkeys(("kills", "deaths", "assists", "gold", "damage"), 0)
    return {
        "title": f"{teams[0]} – {teams[1]} · Arena",
        "game": "arena",
        "status": "live",
        "clock": {"t_ms": 0, "running": True, "period": "match", "limit_ms": simulation.duration_s * 1000},
        "teams": {
            team: {"name": name, "score": 0, "order": order, "color": _COLORS[team]}
            for order, (team, name) in enumerate(zip(TEAMS, teams, strict=True))
        },
        "players": {
            fighter.key: {"name": name, "team": TEAMS[fighter.team], **zeros, "hp": 100}
            | {"pos": [round(fighter.x), round(fighter.y)]}
            for fighter, name in zip(world.fighters, players, strict=True)
        },
        "objectives": {},
        "map": {"x": [0, WIDTH], "y": [0, HEIGHT]},
        "figures": {"points": {p.key: {"name": p.name, "pos": [round(p.x), round(p.y)]} for p in world.points}},
    }


class _Events:
    """The moments of a simulation, made anew by each iteration."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def __iter__(self) -> Iterator[Moment]:
        return _Telling(self._simulation).moments()


class _Telling:
    """One run of the world, told in events."""

    def __init__(self, simulation: Simulation) -> None:
        self._hz = simulation.positions_hz
        self._duration_ms = simulation.duration_s * 1000
        self._events_per_s = simulation.events_per_s
        # The small happenings have a generator of their own: their rate does not change the match.
        self._chatter = Random(f"chatter {simulation.seed}")
        self._owed = 0.0
        self._world = _world(simulation)
        self._places = {fighter.key: [round(fighter.x), round(fighter.y)] for fighter in self._world.fighters}
        self._vitals: dict[str, dict[str, int]] = {}
        self._gold: dict[str, int] = {}
        self._score = [0, 0]
        self._captures = 0

    def moments(self) -> Iterator[Moment]:
        """All moments from the start to the `end` event."""
        before_ms = clock_ms = vitals_ms = 0
        for tick in range(1, self._duration_ms * self._hz // 1000):
            t_ms = tick * 1000 // self._hz
            happenings = self._world.step(t_ms - before_ms)
            before_ms = t_ms
            events = [event for happening in happenings for event in self._tell(happening, t_ms)]
            events.extend(self._small_happenings())
            if moved := self._moved():
                events.append({"op": "position", "at": moved})
            if t_ms >= vitals_ms + _VITALS_EVERY_MS:
                vitals_ms = t_ms
                if changed := self._changed_vitals():
                    events.append({"op": "position", "patch": {"players": changed}})
            if t_ms >= clock_ms + _CLOCK_EVERY_MS:
                clock_ms = t_ms
                events.append({"op": "clock", "t_ms": t_ms, "running": True, "period": "match"})
            if events:
                yield t_ms, events
        clock = {"op": "clock", "t_ms": self._duration_ms, "running": False, "period": "match"}
        yield self._duration_ms, [clock, self._ending()]

    def _ending(self) -> Event:
        if self._score[0] == self._score[1]:
            return {"op": "end"}
        return {"op": "end", "winner": TEAMS[0] if self._score[0] > self._score[1] else TEAMS[1]}

    def _tell(self, happening: Happening, t_ms: int) -> list[Event]:
        match happening:
            case Kill(actor, target, assists):
                team = TEAMS[actor.team]
                self._score[actor.team] += _KILL_WORTH
                kill: Event = {"op": "kill", "actor": actor.key, "target": target.key, "team": team}
                kill["pos"] = [round(target.x), round(target.y)]
                helped: list[Event] = [{"op": "assist", "actor": helper.key, "team": team} for helper in assists]
                return [kill, {"op": "score", "team": team}, *helped]
            case Capture(point, side, actor):
                team = TEAMS[side]
                self._captures += 1
                self._score[side] += point.worth
                objective: Event = {"op": "objective", "id": f"{point.key}-{self._captures}", "name": point.name}
                objective |= {"team": team, "player": actor.key, "t_ms": t_ms}
                return [objective, {"op": "score", "team": team, "by": point.worth}]
            case Return(actor):
                self._places[actor.key] = [-1, -1]
                return [{"op": "respawn", "actor": actor.key, "patch": {"players": {actor.key: {"hp": 100}}}}]

    def _small_happenings(self) -> list[Event]:
        alive = self._world.alive()
        self._owed += self._events_per_s / self._hz * self._chatter.uniform(0.0, 2.0)
        events: list[Event] = []
        while self._owed >= 1.0:
            self._owed -= 1.0
            if not alive:
                continue
            actor = self._chatter.choice(alive)
            if self._chatter.random() < 0.6:
                gold = self._gold[actor.key] = self._gold.get(actor.key, 0) + _PICKUP_GOLD
                patch = {"players": {actor.key: {"gold": gold}}}
                events.append({"op": "pickup", "actor": actor.key, "gold": _PICKUP_GOLD, "patch": patch})
            else:
                events.append({"op": "skill", "actor": actor.key, "skill": self._chatter.choice(_SKILLS), "patch": {}})
        return events

    def _moved(self) -> dict[str, list[int]]:
        moved: dict[str, list[int]] = {}
        for fighter in self._world.alive():
            place = [round(fighter.x), round(fighter.y)]
            if self._places[fighter.key] != place:
                self._places[fighter.key] = moved[fighter.key] = place
        return moved

    def _changed_vitals(self) -> dict[str, dict[str, int]]:
        changed: dict[str, dict[str, int]] = {}
        for fighter in self._world.fighters:
            vitals = {"hp": round(fighter.hp), "damage": round(fighter.damage)}
            if self._vitals.get(fighter.key) != vitals:
                self._vitals[fighter.key] = changed[fighter.key] = vitals
        return changed

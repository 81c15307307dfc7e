"""The world of a simulated match: ten fighters, five against five, on a map with points to hold.

Owns movement, combat and captures, step by step from a seeded generator; never makes events. Only arithmetic and
square roots that IEEE 754 rounds exactly are used, so a seed gives the same match on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from random import Random

WIDTH, HEIGHT = 1600, 1000
FULL_HP = 100.0
_BASES = ((120.0, 500.0), (1480.0, 500.0))
_SPEED = 75.0  # units a second; the map is crossed in about 20 s
_STEERING = 2.5  # share of the difference to the wished velocity that is made up in a second
_REACH = 150.0
_DAMAGE_A_S = 8.5
_HEALING_A_S = 1.0
_BASE_HEALING_A_S = 18.0
_BASE_RADIUS = 110.0
_CAPTURE_RADIUS = 120.0
_ASSIST_MS = 8_000
_RETREAT_HP = 28.0


@dataclass(slots=True)
class Point:
    """A place that teams fight for."""

    key: str
    name: str
    x: float
    y: float
    worth: int
    hold_ms: int
    open_from_ms: int = 0
    closed_ms: int = 0
    owner: int | None = None
    held_ms: list[int] = field(default_factory=lambda: [0, 0])


@dataclass(slots=True)
class Fighter:
    """One player on the map."""

    key: str
    team: int
    skill: float
    x: float
    y: float
    vx: float = 0.0
    vy: float = 0.0
    drift_x: float = 0.0
    drift_y: float = 0.0
    hp: float = FULL_HP
    back_ms: int | None = None
    goal: tuple[float, float] = (0.0, 0.0)
    goal_until_ms: int = 0
    retreating: bool = False
    damage: float = 0.0
    hurt_by: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kill:
    """A fighter fell."""

    actor: Fighter
    target: Fighter
    assists: tuple[Fighter, ...]


@dataclass(frozen=True, slots=True)
class Capture:
    """A team took a point."""

    point: Point
    team: int
    actor: Fighter


@dataclass(frozen=True, slots=True)
class Return:
    """A fighter is back on the map."""

    actor: Fighter


Happening = Kill | Capture | Return


class World:
    """The whole of it; `step` moves it on by one tick and says what happened.

    Args:
        keys: the ten fighters, those of the first side first.
    """

    def __init__(self, rng: Random, duration_ms: int, keys: Sequence[str]) -> None:
        self.rng = rng
        self.duration_ms = duration_ms
        self.now_ms = 0
        self.points = [
            Point("north", "North gate", 480, 780, 3, 4_000),
            Point("centre", "The crossing", 800, 500, 3, 4_000),
            Point("south", "South gate", 1_120, 220, 3, 4_000),
            Point("titan", "Titan", 460, 260, 8, 6_000, open_from_ms=150_000, closed_ms=180_000),
        ]
        self.fighters = [self._fighter(number, key) for number, key in enumerate(keys)]
        # The one who leads early is not the one who is strong late: matches turn.
        self.early = rng.randrange(2)
        self._edge = rng.uniform(0.2, 0.4)
        self._gather: tuple[float, float] | None = None
        self._gather_until_ms = 0
        self._gather_next_ms = round(rng.uniform(15_000, 25_000))

    def _fighter(self, number: int, key: str) -> Fighter:
        team = number // 5
        x, y = _BASES[team]
        return Fighter(key, team, self.rng.uniform(0.85, 1.15), x, y + (number % 5 - 2) * 40.0)

    def step(self, tick_ms: int) -> list[Happening]:
        """Moves the world on by `tick_ms`."""
        self.now_ms += tick_ms
        tick_s = tick_ms / 1000
        happenings: list[Happening] = []
        self._call_to_gather()
        for fighter in self.fighters:
            if fighter.back_ms is not None:
                if fighter.back_ms > self.now_ms:
                    continue
                self._bring_back(fighter)
                happenings.append(Return(fighter))
            self._choose_goal(fighter)
            self._move(fighter, tick_s)
        happenings.extend(self._fight(tick_s))
        happenings.extend(self._hold(tick_ms))
        return happenings

    def strength(self, team: int) -> float:
        """How hard a team hits now."""
        share = self.now_ms / self.duration_ms
        strong = self.early if share < 0.55 else 1 - self.early
        grown = self._edge if share < 0.55 else self._edge * 1.5
        return 1.0 + (grown if team == strong and share > 0.08 else 0.0)

    def alive(self) -> list[Fighter]:
        """Who is on the map."""
        return [fighter for fighter in self.fighters if fighter.back_ms is None]

    def _call_to_gather(self) -> None:
        if self._gather is None and self.now_ms >= self._gather_next_ms:
            point = self.rng.choice([point for point in self.points if point.open_from_ms <= self.now_ms])
            self._gather = (point.x + self.rng.uniform(-60, 60), point.y + self.rng.uniform(-60, 60))
            self._gather_until_ms = self.now_ms + round(self.rng.uniform(14_000, 20_000))
            for fighter in self.fighters:
                if self.rng.random() < 0.75:
                    fighter.goal_until_ms = 0
        elif self._gather is not None and self.now_ms >= self._gather_until_ms:
            self._gather = None
            self._gather_next_ms = self.now_ms + round(self.rng.uniform(10_000, 22_000))

    def _choose_goal(self, fighter: Fighter) -> None:
        if fighter.hp < _RETREAT_HP and not fighter.retreating:
            fighter.retreating = True
            fighter.goal, fighter.goal_until_ms = _BASES[fighter.team], self.now_ms + 30_000
        elif fighter.retreating and fighter.hp > 85:
            fighter.retreating, fighter.goal_until_ms = False, 0
        if self.now_ms < fighter.goal_until_ms:
            return
        fighter.retreating = False
        if self._gather is not None and self.rng.random() < 0.8:
            x, y = self._gather
            spread, until_ms = 70.0, self._gather_until_ms
        else:
            wanted = [p for p in self.points if p.owner != fighter.team and p.open_from_ms <= self.now_ms]
            point = self.rng.choice(wanted or self.points[:3])
            # Between a point and the own side, seldom far beyond it.
            lean = self.rng.uniform(0.0, 0.45)
            base_x, base_y = _BASES[fighter.team]
            x, y = point.x + (base_x - point.x) * lean, point.y + (base_y - point.y) * lean * 0.4
            spread, until_ms = 90.0, self.now_ms + round(self.rng.uniform(4_000, 9_000))
        goal_x = min(WIDTH - 20.0, max(20.0, x + self.rng.uniform(-spread, spread)))
        goal_y = min(HEIGHT - 20.0, max(20.0, y + self.rng.uniform(-spread, spread)))
        fighter.goal, fighter.goal_until_ms = (goal_x, goal_y), until_ms

    def _move(self, fighter: Fighter, tick_s: float) -> None:
        fighter.drift_x = max(-1.0, min(1.0, fighter.drift_x + self.rng.uniform(-3.0, 3.0) * tick_s))
        fighter.drift_y = max(-1.0, min(1.0, fighter.drift_y + self.rng.uniform(-3.0, 3.0) * tick_s))
        dx, dy = fighter.goal[0] - fighter.x, fighter.goal[1] - fighter.y
        distance = sqrt(dx * dx + dy * dy)
        pace = _SPEED * min(1.0, distance / 80.0)
        wish_x = (dx / distance * pace if distance > 1.0 else 0.0) + fighter.drift_x * 22.0
        wish_y = (dy / distance * pace if distance > 1.0 else 0.0) + fighter.drift_y * 22.0
        share = min(1.0, _STEERING * tick_s)
        fighter.vx += (wish_x - fighter.vx) * share
        fighter.vy += (wish_y - fighter.vy) * share
        fighter.x = min(float(WIDTH), max(0.0, fighter.x + fighter.vx * tick_s))
        fighter.y = min(float(HEIGHT), max(0.0, fighter.y + fighter.vy * tick_s))

    def _fight(self, tick_s: float) -> list[Happening]:
        happenings: list[Happening] = []
        alive = self.alive()
        # Who strikes first is drawn each time; otherwise the first of the list would win all duels.
        self.rng.shuffle(alive)
        for fighter in alive:
            if fighter.back_ms is not None:
                continue
            target = self._nearest_enemy(fighter, alive)
            if target is None:
                base_x, base_y = _BASES[fighter.team]
                home = abs(fighter.x - base_x) < _BASE_RADIUS and abs(fighter.y - base_y) < _BASE_RADIUS
                fighter.hp = min(FULL_HP, fighter.hp + (_BASE_HEALING_A_S if home else _HEALING_A_S) * tick_s)
                continue
            hit = _DAMAGE_A_S * fighter.skill * self.strength(fighter.team) * self.rng.uniform(0.4, 1.6) * tick_s
            fighter.damage += min(hit, target.hp)
            target.hp -= hit
            target.hurt_by[fighter.key] = self.now_ms
            if target.hp <= 0:
                happenings.append(self._fall(fighter, target))
        return happenings

    def _nearest_enemy(self, fighter: Fighter, alive: list[Fighter]) -> Fighter | None:
        nearest, nearest_square = None, _REACH * _REACH
        for other in alive:
            if other.team != fighter.team and other.back_ms is None:
                dx, dy = other.x - fighter.x, other.y - fighter.y
                square = dx * dx + dy * dy
                if square < nearest_square:
                    nearest, nearest_square = other, square
        return nearest

    def _fall(self, actor: Fighter, target: Fighter) -> Kill:
        helpers = tuple(
            fighter
            for fighter in self.fighters
            if fighter is not actor and self.now_ms - target.hurt_by.get(fighter.key, -_ASSIST_MS) < _ASSIST_MS
        )
        target.hp = 0.0
        target.hurt_by.clear()
        target.back_ms = self.now_ms + 6_000 + round(10_000 * self.now_ms / self.duration_ms)
        return Kill(actor, target, helpers)

    def _bring_back(self, fighter: Fighter) -> None:
        fighter.back_ms = None
        fighter.hp = FULL_HP
        base_x, base_y = _BASES[fighter.team]
        fighter.x, fighter.y = base_x + self.rng.uniform(-40, 40), base_y + self.rng.uniform(-60, 60)
        fighter.vx = fighter.vy = 0.0
        fighter.goal_until_ms, fighter.retreating = 0, False

    def _hold(self, tick_ms: int) -> list[Happening]:
        happenings: list[Happening] = []
        alive = self.alive()
        for point in self.points:
            if self.now_ms < point.open_from_ms:
                continue
            near: tuple[list[Fighter], list[Fighter]] = ([], [])
            for fighter in alive:
                dx, dy = fighter.x - point.x, fighter.y - point.y
                if dx * dx + dy * dy < _CAPTURE_RADIUS * _CAPTURE_RADIUS:
                    near[fighter.team].append(fighter)
            for team in (0, 1):
                alone = bool(near[team]) and not near[1 - team] and point.owner != team
                point.held_ms[team] = point.held_ms[team] + tick_ms if alone else 0
                if point.held_ms[team] >= point.hold_ms:
                    point.held_ms = [0, 0]
                    # What closes after it was taken belongs to nobody when it opens again.
                    point.owner = None if point.closed_ms else team
                    point.open_from_ms = self.now_ms + point.closed_ms
                    happenings.append(Capture(point, team, near[team][0]))
        return happenings

"""Rules: a match's pure function from an event to its patch and points, where the event does not bring them itself.

The built-in `scoreboard` knows the ops of PROTOCOL; studios add their own by the entry point group `grandstand.rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from gateway.model.entry import Event
from gateway.model.errors import MalformedEntry

GROUP: Final = "grandstand.rules"

VIEWERS_OP: Final = "viewers"
"""The gateway's own op in a match's stream: how many watch. Says nothing of the publisher."""

VOID_OP: Final = "void"
"""An event that takes back all points of its channel up to itself."""

TRANSIENT_OPS: Final = frozenset({"position", "clock", "reset", VIEWERS_OP})
"""Ops that change the document but are nothing to read in a feed."""

ENDED: Final = "ended"
STATUSES: Final = frozenset({"scheduled", "live", "paused", ENDED})

Points = dict[str, dict[str, int]]
Outcome = tuple[dict[str, Any], Points]


class Rules(Protocol):
    """What an event does to the document: pure, the same on every machine."""

    def __call__(self, document: dict[str, Any], event: Event) -> Outcome:
        """The event's merge patch and its points.

        Raises:
            MalformedEntry: the event's fields do not fit its op.
        """
        ...


@cache
def load_rules(name: str) -> Rules:
    """The rules of that name.

    Raises:
        MalformedEntry: unknown_rules.
    """
    if name == "scoreboard":
        return scoreboard
    for point in entry_points(group=GROUP, name=name):
        rules: Rules = point.load()
        return rules
    raise MalformedEntry("unknown_rules")


def scoreboard(document: dict[str, Any], event: Event) -> Outcome:
    """The built-in rules; an op that they do not know changes nothing."""
    handler = _HANDLERS.get(event.op)
    return handler(document, event.public) if handler is not None else ({}, {})


def _text(fields: dict[str, Any], name: str, required: bool = True) -> str | None:
    value = fields.get(name)
    if isinstance(value, str) and value:
        return value
    if value is None and not required:
        return None
    raise MalformedEntry("bad_field")


def _number(fields: dict[str, Any], name: str, default: int | None = None) -> int:
    value = fields.get(name, default)
    if type(value) is not int:
        raise MalformedEntry("bad_field")
    return value


def _count(document: dict[str, Any], table: str, row: str, field: str, by: int) -> dict[str, Any]:
    """The patch that adds to one figure of one row."""
    rows = document.get(table)
    current = rows.get(row) if isinstance(rows, dict) else None
    value = current.get(field) if isinstance(current, dict) else None
    return {table: {row: {field: (value if type(value) is int else 0) + by}}}


def _score(document: dict[str, Any], fields: dict[str, Any]) -> Outcome:
    team, by = _text(fields, "team"), _number(fields, "by", 1)
    assert team is not None
    actor = _text(fields, "actor", required=False)
    return _count(document, "teams", team, "score", by), {"score": {actor: by}} if actor is not None else {}


def _kill(document: dict[str, Any], fields: dict[str, Any]) -> Outcome:
    actor, target = _text(fields, "actor", required=False), _text(fields, "target")
    assert target is not None
    patch = _count(document, "players", target, "deaths", 1)
    points: Points = {"deaths": {target: 1}}
    if actor is not None and actor != target:
        patch["players"].update(_count(document, "players", actor, "kills", 1)["players"])
        points["kills"] = {actor: 1}
    return patch, points


def _figure(figure: str) -> Callable[[dict[str, Any], dict[str, Any]], Outcome]:
    def count(document: dict[str, Any], fields: dict[str, Any]) -> Outcome:
        actor = _text(fields, "actor")
        assert actor is not None
        return _count(document, "players", actor, figure, 1), {figure: {actor: 1}}

    return count


def _objective(_document: dict[str, Any], fields: dict[str, Any]) -> Outcome:
    objective, player = _text(fields, "id"), _text(fields, "player", required=False)
    assert objective is not None
    row = {name: fields[name] for name in ("name", "team", "player", "t_ms") if name in fields}
    return {"objectives": {objective: row}}, {"objectives": {player: 1}} if player is not None else {}


def _position(document: dict[str, Any], fields: dict[str, Any]) -> Outcome:
    places = fields.get("at")
    if places is None:
        return {}, {}
    if not isinstance(places, dict):
        raise MalformedEntry("bad_field")
    known = document.get("players")
    patch: dict[str, Any] = {}
    players: dict[str, Any] = {}
    for name, place in places.items():
        if place is not None and not isinstance(place, list):
            raise MalformedEntry("bad_field")
        if name == "ball":
            patch["ball"] = {"pos": place}
        elif isinstance(known, dict) and name in known:
            players[name] = {"pos": place}
    if players:
        patch["players"] = players
    return patch, {}


def _clock(_document: dict[str, Any], fields: dict[str, Any]) -> Outcome:
    clock = {name: fields[name] for name in ("t_ms", "running", "period") if name in fields}
    return {"clock": clock}, {}


def _status(_document: dict[str, Any], fields: dict[str, Any]) -> Outcome:
    status = fields.get("status")
    if status not in STATUSES:
        raise MalformedEntry("bad_field")
    return {"status": status}, {}


def _end(document: dict[str, Any], fields: dict[str, Any]) -> Outcome:
    patch: dict[str, Any] = {"status": ENDED}
    winner = _text(fields, "winner", required=False)
    if winner is not None:
        patch["winner"] = winner
    if isinstance(document.get("clock"), dict):
        patch["clock"] = {"running": False}
    return patch, {}


_HANDLERS: Final[dict[str, Callable[[dict[str, Any], dict[str, Any]], Outcome]]] = {
    "score": _score,
    "kill": _kill,
    "death": _figure("deaths"),
    "assist": _figure("assists"),
    "objective": _objective,
    "position": _position,
    "clock": _clock,
    "status": _status,
    "end": _end,
}

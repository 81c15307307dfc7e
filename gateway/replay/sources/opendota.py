"""OpenDota's match JSON (`/api/matches/{id}`), from a file or from the public API, as the rows that dota2.py tells.

Owns OpenDota's form and its API; never decides what a row means.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from gateway.replay.lines import MAX_DOCUMENT_BYTES, Row, meaning_of, parse_document, read_document
from gateway.replay.recording import Recording, RecordingError
from gateway.replay.sources.dota2 import TEAMS, tell_match

API_URL = "https://api.opendota.com/api"
API_TIMEOUT_S = 20.0
_DIRE_SLOT = 128
_HERO_PREFIX = "npc_dota_hero_"

Heroes = dict[int, tuple[str, str]]
"""Hero number -> (internal name, display name)."""


def open_opendota(path: Path) -> Recording:
    """The recording of a file that holds OpenDota's match JSON; a `heroes.json` beside it names the heroes."""
    heroes_path = path.parent / "heroes.json"
    heroes: Heroes = {}
    if heroes_path.is_file():
        with meaning_of(str(heroes_path)):
            heroes = {int(key): _names(hero) for key, hero in read_document(heroes_path).items()}
    return convert(read_document(path), heroes, where=str(path))


def fetch_opendota(match_id: str, *, api_url: str = API_URL, timeout_s: float = API_TIMEOUT_S) -> Recording:
    """The recording of a match that OpenDota has parsed, fetched from its public API."""
    where = f"opendota:{match_id}"
    if not (match_id.isascii() and match_id.isdigit()):
        raise RecordingError(where, "a match id is a number")
    with httpx.Client(base_url=api_url, timeout=timeout_s, follow_redirects=True) as client:
        match = parse_document(where, _get(client, where, f"matches/{match_id}"))
        try:
            listed: Any = msgspec.json.decode(_get(client, where, "heroes"))
        except msgspec.DecodeError as error:
            raise RecordingError(where, f"the list of heroes is not JSON ({error})") from error
    with meaning_of(where):
        heroes = {int(hero["id"]): _names(hero) for hero in listed}
    return convert(match, heroes, where=where)


def _get(client: httpx.Client, where: str, path: str) -> bytes:
    try:
        with client.stream("GET", path) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise RecordingError(where, "OpenDota does not know this match")
            if answer.status_code != httpx.codes.OK:
                raise RecordingError(where, f"OpenDota answered {answer.status_code}")
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES:
                    raise RecordingError(where, f"OpenDota's answer is longer than {MAX_DOCUMENT_BYTES} bytes")
            return bytes(body)
    except httpx.TimeoutException as error:
        raise RecordingError(where, f"no answer from {client.base_url.host} in time") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RecordingError(where, f"cannot reach {client.base_url.host} ({error}); is there a network?") from error


def _names(hero: Row) -> tuple[str, str]:
    return str(hero["name"]), str(hero["localized_name"])


def convert(match: Row, heroes: Heroes, *, where: str) -> Recording:
    """OpenDota's match as a recording."""
    with meaning_of(where):
        players = match["players"]
        if not any(player.get("kills_log") is not None for player in players):
            raise RecordingError(where, "OpenDota has only the result of this match, not its events (not parsed)")
        sheet = _sheet(match, heroes)
        rows = sorted(_rows(match, sheet, heroes), key=lambda row: row["t"])
    return tell_match(sheet, ((None, row) for row in rows), where=where, match_id=f"opendota-{match['match_id']}")


def _hero(player: Row, heroes: Heroes) -> tuple[str, str]:
    """The hero's internal and display name; without a table the internal one is told by the player's own hits."""
    known = heroes.get(player["hero_id"])
    if known is not None:
        return known
    internal = str((player.get("max_hero_hit") or {}).get("unit") or f"{_HERO_PREFIX}{player['hero_id']}")
    return internal, internal.removeprefix(_HERO_PREFIX).replace("_", " ").title()


def _team_name(match: Row, team: str) -> str:
    described = match.get(f"{team}_team") or {}
    return str(described.get("name") or match.get(f"{team}_name") or team.title())


def _sheet(match: Row, heroes: Heroes) -> Row:
    finals = ("kills", "deaths", "assists", "last_hits", "denies", "gold_per_min", "xp_per_min", "level")
    more = ("hero_damage", "tower_damage", "net_worth")
    players = []
    for number, player in enumerate(match["players"]):
        internal, hero = _hero(player, heroes)
        players.append(
            {
                "id": f"p{number}",
                "team": "dire" if player["player_slot"] >= _DIRE_SLOT else "radiant",
                "name": str(player.get("name") or player.get("personaname") or hero),
                # A professional's name is theirs alone, any other one can be anybody's.
                "known_as": str(player.get("name") or player.get("account_id") or "") or None,
                "hero": hero,
                "hero_npc": internal,
                "final": {name: player.get(name) for name in finals + more},
            }
        )
    return {
        "league": (match.get("league") or {}).get("name"),
        "radiant": _team_name(match, "radiant"),
        "dire": _team_name(match, "dire"),
        "score": [match["radiant_score"], match["dire_score"]],
        "radiant_win": match["radiant_win"],
        "duration_s": match["duration"],
        "players": players,
    }


def _rows(match: Row, sheet: Row, heroes: Heroes) -> Iterator[Row]:
    """The match as rows of the event file, in no order."""
    by_npc = {player["hero_npc"]: player["id"] for player in sheet["players"]}
    by_slot = {player["player_slot"]: f"p{number}" for number, player in enumerate(match["players"])}
    yield from _draft_rows(match, sheet, heroes)
    for number, player in enumerate(match["players"]):
        yield from _player_rows(f"p{number}", player, by_npc)
    for minute, gold in enumerate(match.get("radiant_gold_adv") or ()):
        xp = match["radiant_xp_adv"][minute]
        yield {"t": minute * 60_000, "type": "team_advantage", "radiant_gold": gold, "radiant_xp": xp}
    for objective in match.get("objectives") or ():
        row = {"t": objective["time"] * 1000, "type": "objective", "kind": str(objective["type"]).lower()}
        row |= {name: objective[name] for name in ("unit", "key", "team") if objective.get(name) is not None}
        if objective.get("player_slot") in by_slot:
            row["player"] = by_slot[objective["player_slot"]]
        yield row
    for number, fight in enumerate(match.get("teamfights") or ()):
        yield {"t": fight["start"] * 1000, "type": "teamfight_start", "fight": number}
        yield {"t": fight["end"] * 1000, "type": "teamfight_end", "fight": number, "deaths": fight["deaths"]}
    yield {"t": match["duration"] * 1000, "type": "match_end"}


def _draft_rows(match: Row, sheet: Row, heroes: Heroes) -> Iterator[Row]:
    # The draft has no clock of its own; it is put one second a step before the first purchase can be.
    hero_of = {player["hero_id"]: own["hero"] for player, own in zip(match["players"], sheet["players"], strict=True)}
    for step in match.get("picks_bans") or ():
        number = step["hero_id"]
        hero = heroes[number][1] if number in heroes else hero_of.get(number, f"hero {number}")
        kind = "pick" if step["is_pick"] else "ban"
        team = TEAMS[step["team"]]
        yield {"t": -120_000 + step["order"] * 1000, "type": kind, "team": team, "hero": hero, "order": step["order"]}


def _player_rows(player_id: str, player: Row, by_npc: dict[str, str]) -> Iterator[Row]:
    own = {"player": player_id}
    for entry in player.get("purchase_log") or ():
        yield own | {"t": entry["time"] * 1000, "type": "item_purchase", "item": entry["key"]}
    for entry in player.get("kills_log") or ():
        if entry["key"] in by_npc:
            yield own | {"t": entry["time"] * 1000, "type": "hero_kill", "victim": by_npc[entry["key"]]}
    for entry in player.get("runes_log") or ():
        yield own | {"t": entry["time"] * 1000, "type": "rune_pickup", "rune": entry["key"]}
    for entry in player.get("buyback_log") or ():
        yield own | {"t": entry["time"] * 1000, "type": "buyback"}
    for log, kind in (("obs", "observer"), ("sen", "sentry")):
        for suffix, happening in (("log", "placed"), ("left_log", "gone")):
            for entry in player.get(f"{log}_{suffix}") or ():
                row = {"t": entry["time"] * 1000, "type": f"ward_{kind}_{happening}"}
                yield own | row | {"x": entry["x"], "y": entry["y"]}
    for index, t_s in enumerate(player.get("times") or ()):
        row = {"t": t_s * 1000, "type": "player_economy"}
        for name, series in (("gold", "gold_t"), ("xp", "xp_t"), ("last_hits", "lh_t"), ("denies", "dn_t")):
            values = player.get(series) or ()
            if index < len(values):
                row[name] = values[index]
        yield own | row

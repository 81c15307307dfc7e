"""Boards counted in the simplest way that can be: the whole history at once. What the aggregator is held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import redis

from gateway.model.board_kinds import Kind
from gateway.model.boards import Scopes, rank_key, scopes_of, score_key, sort_key
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.version import Position

Rows = list[tuple[str, int, int]]
"""Member, points, reached: in order."""


def entries_of(client: redis.Redis, channel: str) -> list[Entry]:
    """A stream's whole content."""
    found = []
    for entry_id, fields in client.xrange(f"live:{{{channel}}}"):
        stamp = fields.get(b"t", b"")
        found.append(
            Entry(Position.parse(entry_id.decode()), int(stamp) if stamp.isdigit() else None, fields.get(b"e", b""))
        )
    return found


def recount(histories: Mapping[str, Iterable[Entry]], scopes: Scopes, now_ms: int) -> dict[str, Rows]:
    """Every board over these histories: each match folded by itself, each event added by itself."""
    sums: dict[str, dict[str, tuple[int, int]]] = {}
    for channel, entries in histories.items():
        mine: dict[str, dict[str, tuple[int, int]]] = {}
        folding = Channel(channel, ChannelLimits(), ring=False)
        for entry in entries:
            folded = folding.fold(entry, 0)
            if any(event.get("op") == "void" for event in folded.events):
                mine = {}
                continue
            for metric, members in folded.points.items():
                for scope in scopes_of(channel, entry.t_ms or 0, scopes, now_ms):
                    _add(mine.setdefault(f"{metric}.{scope}", {}), members, entry)
            for kind in scopes.kinds:
                for board, members in _by_kind(kind, folding.doc, entry).items():
                    _add(mine.setdefault(board, {}), members, entry)
        for name, members in mine.items():
            total = sums.setdefault(name, {})
            for member, (by, reached) in members.items():
                points, last = total.get(member, (0, 0))
                total[member] = (points + by, max(last, reached))
    return {
        name: sorted(((m, p, r) for m, (p, r) in members.items()), key=lambda row: sort_key(*row))
        for name, members in sums.items()
    }


def _add(board: dict[str, tuple[int, int]], members: Mapping[str, int], entry: Entry) -> None:
    for member, by in members.items():
        points, reached = board.get(member, (0, 0))
        board[member] = (points + by, max(reached, (entry.t_ms or 0) if by else 0))


def _by_kind(kind: Kind, document: dict[str, Any], entry: Entry) -> dict[str, dict[str, int]]:
    """What an entry whose events bring their points themselves adds to the boards of one kind."""
    low, high = kind.begins_ms, kind.ends_ms
    t_ms = entry.t_ms or 0
    if (low is not None or high is not None) and not (t_ms and (low or 0) <= t_ms < (high or 2**62)):
        return {}
    added: dict[str, dict[str, int]] = {}
    events = msgspec.json.decode(entry.raw)
    for one in events if isinstance(events, list) else [events]:
        for metric, members in one.get("points", {}).items():
            for member, by in members.items():
                value = one.get(kind.field) if kind.field else _at(document, kind.path, member)
                name = f"{metric}.{kind.name}" if value is document else f"{metric}.{kind.name}.{value}"
                if value not in (None, "") and (not kind.metrics or metric in kind.metrics):
                    board = added.setdefault(name, {})
                    board[member] = board.get(member, 0) + by
    return added


def _at(document: dict[str, Any], path: tuple[str, ...], member: str) -> Any:
    for name in path:
        document = document.get(member if name == "*" else name, {})
    return document if document != {} or not path else None


def stored(client: redis.Redis, board: str) -> Rows:
    """The board as the store has it, in its order; both of its keys say the same."""
    both = client.pipeline(transaction=not isinstance(client, redis.RedisCluster))
    both.hgetall(score_key(board))
    both.zrange(rank_key(board), 0, -1, withscores=True)
    found, listed = both.execute()
    scores = {m.decode(): v.decode().split() for m, v in found.items()}
    rows: Rows = []
    for element, negative in listed:
        member = element[15:].decode()
        points, reached = scores[member]
        assert (-int(negative), int(element[:15])) == (int(points), int(reached)), member
        rows.append((member, int(points), int(reached)))
    assert len(rows) == len(scores)
    return rows


def boards_in(client: redis.Redis) -> set[str]:
    """Every board in the store."""
    return {key.decode()[len("rank:{board:") : -1] for key in client.scan_iter("rank:*", 1000)}


def event(points: Mapping[str, Mapping[str, Any]], op: str = "play") -> bytes:
    """An event that brings its points."""
    return msgspec.json.encode({"op": op, "patch": {}, "points": points})

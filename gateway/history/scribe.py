"""From a channel's entries to the rows of the history: folds, and notes what is to be stored. Sans-IO.

One scribe a channel. What it has noted is stored by the writer in one transaction, or the scribe is thrown away and made
anew from what is stored.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from gateway.history.partitions import day_of
from gateway.model.channel import Channel, ChannelLimits, Folded
from gateway.model.entry import INT64_MAX, Entry
from gateway.model.names import id_of, kind_of
from gateway.model.rules import ENDED, VOID_OP
from gateway.model.version import Position

KEYFRAME_EVERY = 500
"""Entries between two keyframes of the history: what a reader folds at most to reach an entry."""
KEYFRAME_CLOCK_MS = 30_000
"""The match's time between two keyframes where its clock runs: the steps of a match's course."""
CLOCK_KEYFRAMES_MAX = 1000
"""Of these, in one epoch: a clock that leaps makes no more."""
NAME_MAX_CHARS = 256
"""Longer names of metrics and members are not indexed and therefore not stored; the entry itself always is."""


@dataclass(slots=True)
class Epoch:
    """One epoch of a channel as the history has it.

    Attributes:
        channel_id: the channel's row.
        id: its row; None until it is stored.
        stored_seq: the writer's committed position, -1 before the first.
        noted_seq: what has been noted.
        keyframe_clock_ms: the match's time at the last keyframe; None where it has no clock.
        clock_keyframes: keyframes that were written because of it.
    """

    number: int
    run: int
    channel_id: int
    id: int | None = None
    stored_seq: int = -1
    noted_seq: int = -1
    digest: int = 0
    entry_digest: int = 0
    last_at_ms: int = 0
    gaps: int = 0
    events: int = 0
    since_keyframe: int = KEYFRAME_EVERY
    keyframe_clock_ms: float | None = None
    clock_keyframes: int = 0


@dataclass(slots=True)
class Rows:
    """What waits to be stored, of any number of channels.

    Attributes:
        epochs: whose positions move, with the day of the last entry.
        touched: the channels' scribes.
        matches: runs that have changed, with their documents.
        totals: increments by channel, run, player and metric.
        duels: kills by channel, run, killer and victim.
        voids: entries that take back what their channel has scored.
        voided: channels of which everything stored so far is taken back.
        refused: points that cannot be stored.
    """

    entries: list[tuple[Epoch, int, date, int | None, int, int, int, bytes]] = field(default_factory=list)
    points: list[tuple[Epoch, int, date, str, str, int, int | None]] = field(default_factory=list)
    keyframes: list[tuple[Epoch, int, date, bytes]] = field(default_factory=list)
    epochs: dict[int, tuple[Epoch, date]] = field(default_factory=dict)
    matches: dict[tuple[int, int], tuple[str, Match, dict[str, Any]]] = field(default_factory=dict)
    touched: dict[str, Scribe] = field(default_factory=dict)
    totals: Counter[tuple[int, int, str, str]] = field(default_factory=Counter)
    duels: Counter[tuple[int, int, str, str]] = field(default_factory=Counter)
    voids: list[tuple[Epoch, int]] = field(default_factory=list)
    voided: set[int] = field(default_factory=set)
    bytes: int = 0
    refused: int = 0


@dataclass(slots=True)
class Match:
    """One run of a match.

    Attributes:
        players: name and team by player, as last stored.
        unstored: those that have changed since.
    """

    run: int
    started_ms: int
    ended_ms: int | None = None
    updated_ms: int = 0
    players: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    unstored: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    events: int = 0


class Scribe:
    """Notes one channel.

    Args:
        channel_id: the channel's row.
        channel: the document as of the epoch's noted position.
        epoch: the newest epoch; None before the first.
        match: the newest run; None for channels that are no matches, and before the first.
        next_run: the number of the next run.
    """

    def __init__(
        self, name: str, channel_id: int, limits: ChannelLimits, channel: Channel | None = None,
        epoch: Epoch | None = None, match: Match | None = None, next_run: int = 0,
    ) -> None:  # fmt: skip
        self.name = name
        self._next_run = next_run
        self.channel_id = channel_id
        self.channel = channel or Channel(name, limits, ring=False)
        self.epoch = epoch
        self.match = match
        self._is_match = kind_of(name) == "match"
        self._players_seen: Any = None

    @property
    def position(self) -> Position | None:
        """The last entry noted."""
        epoch = self.epoch
        return Position(epoch.number, epoch.noted_seq) if epoch is not None and epoch.noted_seq >= 0 else None

    @property
    def document(self) -> dict[str, Any]:
        """The document after it."""
        return self.channel.doc

    def note(self, entry: Entry, now_ms: int, rows: Rows) -> Folded | None:
        """Notes the next entry; what it notes already has no effect, None."""
        number, seq = entry.position.epoch, entry.position.seq
        if self.position is not None and entry.position <= self.position:
            return None
        if number > INT64_MAX or seq > INT64_MAX:
            # No publisher gets there by counting; the columns end here.
            return None
        if self.epoch is None or number != self.epoch.number:
            self._open(number, now_ms, entry)
        epoch = self.epoch
        assert epoch is not None
        at_ms = max(epoch.last_at_ms, now_ms if entry.t_ms is None else min(now_ms, entry.t_ms))
        folded = self.channel.fold(entry, at_ms)
        day = day_of(now_ms)
        shown = min(len(folded.events), 32_767)
        rows.entries.append((epoch, seq, day, entry.t_ms, at_ms, self.channel.digest, shown, entry.raw))
        rows.bytes += len(entry.raw) + 100
        epoch.noted_seq, epoch.digest, epoch.entry_digest = seq, self.channel.digest, folded.entry_digest
        epoch.last_at_ms = at_ms
        epoch.events += shown
        epoch.gaps += folded.gap
        rows.epochs[id(epoch)] = (epoch, day)
        rows.touched[self.name] = self
        self._note_points(epoch, entry, day, folded, rows)
        self._note_keyframe(epoch, seq, day, rows)
        if self.match is not None:
            self._note_match(folded, at_ms, rows)
        if any(event.get("op") == VOID_OP for event in folded.events):
            self._note_void(epoch, seq, rows)
        return folded

    def _open(self, number: int, now_ms: int, entry: Entry) -> None:
        """A new epoch: of the same run, or of a new one where the last has ended."""
        run = self._next_run
        if self.epoch is not None and self.epoch.run == run - 1 and self.channel.status_word != ENDED:
            run = self.epoch.run
        self._next_run = run + 1
        at_ms = now_ms if entry.t_ms is None else min(now_ms, entry.t_ms)
        self.epoch = Epoch(number, run, self.channel_id, last_at_ms=at_ms)
        if self._is_match and (self.match is None or self.match.run != run):
            self.match = Match(run, at_ms)
            self._players_seen = None

    def _note_points(self, epoch: Epoch, entry: Entry, day: date, folded: Folded, rows: Rows) -> None:
        for metric, members in folded.points.items():
            for member, points in members.items():
                if abs(points) > INT64_MAX or not storable(metric) or not storable(member):
                    rows.refused += 1
                    continue
                rows.points.append((epoch, entry.position.seq, day, metric, member, points, entry.t_ms))
                rows.bytes += 100
                if self.match is not None:
                    rows.totals[(self.channel_id, epoch.run, member, metric)] += points

    def _note_void(self, epoch: Epoch, seq: int, rows: Rows) -> None:
        rows.voids.append((epoch, seq))
        rows.voided.add(self.channel_id)
        for figures in (rows.totals, rows.duels):
            for key in [key for key in figures if key[0] == self.channel_id]:
                del figures[key]

    def _note_keyframe(self, epoch: Epoch, seq: int, day: date, rows: Rows) -> None:
        epoch.since_keyframe += 1
        clock_ms, last_ms = clock_ms_of(self.channel.doc), epoch.keyframe_clock_ms
        ran = clock_ms is not None and last_ms is not None and abs(clock_ms - last_ms) >= KEYFRAME_CLOCK_MS
        ran = ran and epoch.clock_keyframes < CLOCK_KEYFRAMES_MAX
        if last_ms is None:
            epoch.keyframe_clock_ms = clock_ms
        if epoch.since_keyframe > KEYFRAME_EVERY or ran:
            epoch.since_keyframe = 0
            epoch.clock_keyframes += ran
            epoch.keyframe_clock_ms = clock_ms
            frame = self.channel.keyframe()
            rows.keyframes.append((epoch, seq, day, frame))
            rows.bytes += len(frame)

    def _note_match(self, folded: Folded, at_ms: int, rows: Rows) -> None:
        match = self.match
        assert match is not None
        if not folded.published:
            return
        match.updated_ms = at_ms
        match.events += len(folded.events)
        for killer, victim in duels_of(folded.events):
            rows.duels[(self.channel_id, match.run, killer, victim)] += 1
        ended = self.channel.status_word == ENDED
        if ended and match.ended_ms is None:
            match.ended_ms = at_ms
        elif not ended:
            match.ended_ms = None
        players = self.channel.doc.get("players")
        # Structural sharing: the same object is the same content.
        if players is not self._players_seen and isinstance(players, dict):
            self._players_seen = players
            for player, row in players.items():
                known = (_text(row, "name"), _text(row, "team"))
                if match.players.get(player) != known and storable(player):
                    match.players[player] = match.unstored[player] = known
        rows.matches[(self.channel_id, match.run)] = (id_of(self.name), match, self.channel.doc)


def summary_of(document: dict[str, Any]) -> tuple[str | None, str | None, str, str | None, str | None, str | None]:
    """What a match's row holds of the document: title, game, status, winner, teams and clock."""
    teams, clock = document.get("teams"), document.get("clock")
    return (
        _text(document, "title"),
        _text(document, "game"),
        (_text(document, "status") or "live")[:64],
        _text(document, "winner"),
        _json(teams_of(teams)) if isinstance(teams, dict) else None,
        _json(clock) if isinstance(clock, dict) else None,
    )


def clock_ms_of(document: dict[str, Any]) -> float | None:
    """The match's time; None where the document has none."""
    clock = document.get("clock")
    value = clock.get("t_ms") if isinstance(clock, dict) else None
    return value if is_number(value) else None


def is_number(value: Any) -> bool:
    """Whether it is a number of JSON: true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def duels_of(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Killer and victim of each kill among the events."""
    found = []
    for event in events:
        if event.get("op") == "kill":
            killer, victim = event.get("actor"), event.get("target")
            if not isinstance(killer, str) or not isinstance(victim, str) or killer == victim:
                continue
            if storable(killer) and storable(victim):
                found.append((killer, victim))
    return found


def teams_of(teams: dict[str, Any]) -> dict[str, Any]:
    """What a list of matches shows of the teams."""
    return {
        team: {name: fields[name] for name in ("name", "score", "order", "color") if name in fields}
        for team, fields in teams.items()
        if isinstance(fields, dict)
    }


def storable(name: str) -> bool:
    """Whether Postgres can index a name: not too long, and without NUL, which its text does not have."""
    return len(name) <= NAME_MAX_CHARS and "\0" not in name


def _text(fields: Any, name: str) -> str | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value.replace("\0", "") if isinstance(value, str) else None


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

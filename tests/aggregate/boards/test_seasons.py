"""A new season: what is counted anew then brings no points of the last one, and takes none from its board."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.aggregate.boards.stream import SKIPPED, VOIDED, Stream
from gateway.aggregate.boards.tally import Counted
from gateway.model.boards import RECOUNTS_KEY, Scopes, scopes_of
from gateway.model.names import stream_key
from gateway.model.version import Position
from tests.aggregate.boards.recount import stored
from tests.aggregate.boards.test_losses import until
from tests.stores import Store
from tests.system.aggregators import aggregators

BEGINS_MS = 1_700_000_000_000
NEW = Scopes("s2", season_begins_ms=BEGINS_MS)
NAME = "match:1"
PAST, ALL = "kills.season.s1", "kills.all"
LAST = "1-2.00000002"


def seasons(t_ms: int, scopes: Scopes) -> list[str]:
    return [scope for scope in scopes_of(NAME, t_ms, scopes, BEGINS_MS) if scope.startswith("season.")]


def test_points_count_for_a_season_from_its_beginning() -> None:
    assert seasons(BEGINS_MS, NEW) == seasons(BEGINS_MS + 1, NEW) == ["season.s2"]
    assert seasons(BEGINS_MS - 1, NEW) == seasons(0, NEW) == []
    assert seasons(1, Scopes("s2")) == seasons(0, Scopes("s2")) == ["season.s2"], "one without a beginning has all"


def test_which_boards_are_of_another_season() -> None:
    assert NEW.is_past(PAST)
    assert Scopes().is_past(PAST), "there is no season now"
    assert not any(map(NEW.is_past, ("kills.season.s2", ALL, "kills.match.s1", "kills.region.s1", "kills.season")))


def entry(seq: int, void: bool = False) -> Counted:
    groups = {} if void else {(ALL,): {"ana": (1, seq)}}
    return Counted(Position(1, seq), seq, groups, void)


def again(voids: tuple[int, ...], past_mark: str = LAST) -> Stream:
    """Counted up to 1-2, and now anew up to 1-3."""
    stream = Stream(NAME, LAST, {ALL: LAST, PAST: past_mark}, recount_to=Position(1, 3))
    for seq in range(4):
        stream.take(entry(seq, seq in voids))
    return stream


def test_a_board_of_another_season_stays_as_it_is() -> None:
    for voids in ((), (1,)):
        stream = again(voids)
        tallies, mark = stream.correction(NEW.is_past)
        assert tallies.keys() == {ALL}
        stream.corrected(tallies, mark, set())
        assert stream.expected == {ALL: mark, PAST: LAST}


def test_a_new_void_takes_all_of_the_match_from_it() -> None:
    tallies, _ = again((3,)).correction(NEW.is_past)
    assert tallies[PAST] == {}


def test_one_that_could_not_be_written_does_not_have_the_match_counted_anew_for_ever() -> None:
    stream = again((), SKIPPED)
    stream.correction(NEW.is_past)
    assert SKIPPED not in stream.expected.values()


def test_a_void_that_could_not_be_taken_from_it_is_when_it_can() -> None:
    stream = again((3,))
    tallies, mark = stream.correction(NEW.is_past)
    stream.corrected(tallies, mark, {PAST})
    assert stream.expected == {ALL: mark, PAST: VOIDED}
    # Counted anew as the board can be written, in vain, and once more: what was voided is the past by then.
    for failed, then in ({PAST}, VOIDED), (set[str](), mark):
        stream = Stream(NAME, mark, dict(stream.expected), recount_to=Position(1, 3))
        for seq in range(4):
            stream.take(entry(seq, seq == 3))
        tallies, _ = stream.correction(NEW.is_past)
        assert tallies == {ALL: {}, PAST: {}}
        stream.corrected(tallies, mark, failed)
        assert stream.expected[PAST] == then


def test_a_rebuild_after_the_change_moves_nothing(tmp_path: Path, valkey_server: Store) -> None:
    client = valkey_server.client

    def publish(member: str, t_ms: int) -> None:
        event = json.dumps({"op": "play", "patch": {}, "points": {"kills": {member: 1}}})
        client.xadd(stream_key(NAME), {"t": str(t_ms), "e": event}, id="1-*")

    old, new = ("ana", 1, BEGINS_MS - 5), ("ben", 1, BEGINS_MS + 5)
    publish("ana", BEGINS_MS - 5)
    with aggregators(tmp_path, valkey_server.url, boards__season="s1") as running:
        until(lambda: stored(client, PAST) == [old], running)
    settings = {"boards__season": "s2", "boards__season_begins": "2023-11-14T22:13:20Z"}
    with aggregators(tmp_path, valkey_server.url, **settings) as running:
        publish("ben", BEGINS_MS + 5)
        until(lambda: stored(client, ALL) == [old, new], running)
        client.hset(RECOUNTS_KEY, NAME, "request")
        until(lambda: not client.hexists(RECOUNTS_KEY, NAME), running)
        assert "recount_done" in running[0].log_text()
        assert (stored(client, PAST), stored(client, "kills.season.s2"), stored(client, ALL)) == (
            [old],
            [new],
            [old, new],
        )
        client.xadd(stream_key(NAME), {"e": '{"op":"void"}'}, id="1-*")
        until(lambda: stored(client, ALL) == stored(client, PAST) == stored(client, "kills.season.s2") == [], running)

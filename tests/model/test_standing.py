"""What a board is worth by what aggregators tell: complete, or why not."""

from __future__ import annotations

import pytest

from gateway.model.partitions import PARTITIONS, partition_of
from gateway.model.standing import NAMED_MAX, Standing, completeness, silent

NOW_MS, STALE_MS = 1_000_000, 10_000
MATCH, OTHER = "match:42", "match:43"
OF_MATCH = "kills.match.42"


def told(ago_ms: int = 500, behind_ms: int = 500, **said: object) -> Standing:
    return Standing(as_of_ms=NOW_MS - behind_ms, told_ms=NOW_MS - ago_ms, **said)  # type: ignore[arg-type]


def whole(**of_match: object) -> dict[int, Standing]:
    """All partitions are well, that of the match as given."""
    return {number: told() for number in range(PARTITIONS)} | {partition_of(MATCH): told(**of_match)}  # type: ignore[arg-type]


def worth(board: str, standings: dict[int, Standing]) -> tuple[bool, int]:
    whose = [partition_of(MATCH)] if board == OF_MATCH else range(PARTITIONS)
    return completeness(board, standings, whose, NOW_MS, STALE_MS)


def test_a_board_is_complete_up_to_where_the_last_partition_is_counted() -> None:
    assert worth("kills.all", whole()) == (True, NOW_MS - 500)
    assert worth("kills.all", whole(behind_ms=STALE_MS)) == (True, NOW_MS - STALE_MS)
    assert worth("kills.all", whole(ago_ms=STALE_MS)) == (True, NOW_MS - 500)


@pytest.mark.parametrize("trouble", ["gap", "trimmed", "recount", "behind", "unconfirmed"])
def test_a_channel_in_trouble_concerns_its_match_and_the_boards_of_all(trouble: str) -> None:
    own = whole(troubles={MATCH: trouble})
    assert worth(OF_MATCH, own) == (False, NOW_MS - 500)
    assert worth("kills.all", own) == (False, NOW_MS - 500)
    others = whole(troubles={OTHER: trouble, "lobby:42": trouble})
    assert worth(OF_MATCH, others)[0], "another match, or no match"
    assert not worth("kills.all", others)[0]


@pytest.mark.parametrize("board", [OF_MATCH, "kills.all"])
@pytest.mark.parametrize(
    ("of_match", "as_of_ms"),
    [
        pytest.param({"ago_ms": STALE_MS + 1}, NOW_MS - 500, id="no word of it"),
        pytest.param({"behind_ms": STALE_MS + 1}, NOW_MS - STALE_MS - 1, id="behind"),
    ],
)
def test_a_partition_that_is_silent_or_behind(board: str, of_match: dict[str, object], as_of_ms: int) -> None:
    assert worth(board, whole(**of_match)) == (False, as_of_ms)


@pytest.mark.parametrize("board", [OF_MATCH, "kills.all"])
def test_without_an_aggregator_nothing_is_known(board: str) -> None:
    assert worth(board, {}) == (False, 0)
    lacking = whole()
    del lacking[partition_of(MATCH)]
    assert worth(board, lacking) == (False, 0)


def test_a_board_of_another_type_is_incomplete_and_no_other() -> None:
    standings = whole(broken={OF_MATCH: "wrong type"})
    assert worth(OF_MATCH, standings) == (False, NOW_MS - 500)
    assert worth("kills.all", standings)[0]
    assert not worth("kills.all", whole(broken={"kills.all": "wrong type"}))[0]


def test_more_troubles_than_are_named_may_be_anybodys() -> None:
    standing = told()
    for number in range(NAMED_MAX):
        standing.tell(f"match:{number}", "gap", "1-1 to 1-4" if number == 0 else "")
    assert (len(standing.troubles), standing.missing, standing.unnamed) == (NAMED_MAX, {"match:0": "1-1 to 1-4"}, 0)
    number = partition_of("match:unnamed")
    assert completeness("kills.match.unnamed", {number: standing}, [number], NOW_MS, STALE_MS)[0]
    standing.tell("match:unnamed", "gap", "1-1 to 1-4")
    assert (len(standing.troubles), standing.missing, standing.unnamed) == (NAMED_MAX, {"match:0": "1-1 to 1-4"}, 1)
    assert not completeness("kills.match.unnamed", {number: standing}, [number], NOW_MS, STALE_MS)[0]


def test_a_partition_is_silent_when_nobody_tells_of_it() -> None:
    number = partition_of(MATCH)
    assert silent(whole(), NOW_MS, STALE_MS) == frozenset()
    assert silent(whole(ago_ms=STALE_MS), NOW_MS, STALE_MS) == frozenset()
    assert silent(whole(ago_ms=STALE_MS + 1), NOW_MS, STALE_MS) == {number}
    assert silent({}, NOW_MS, STALE_MS) == frozenset(range(PARTITIONS))
    assert silent({number: told()}, NOW_MS, STALE_MS) == frozenset(range(PARTITIONS)) - {number}
    # Who keeps a partition and has something to say of it is not silent.
    assert silent(whole(behind_ms=10 * STALE_MS, troubles={MATCH: "gap"}), NOW_MS, STALE_MS) == frozenset()

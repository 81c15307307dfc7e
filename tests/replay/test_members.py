"""What players are known by over many matches."""

from __future__ import annotations

from gateway.replay.members import member_ids


def test_a_name_is_an_id_within_its_game() -> None:
    known_as = {"p0": "N. Kanté", "p1": "jstn.", "p2": "Somnus丶M", "p3": "87654321"}
    assert member_ids("dota2", "final", known_as) == {
        "p0": "dota2-n-kante", "p1": "dota2-jstn", "p2": "dota2-somnus丶m", "p3": "dota2-87654321",
    }  # fmt: skip


def test_who_is_not_known_is_somebody_of_this_match_only() -> None:
    known_as = {"p0": None, "p1": "…", "p2": "Ana", "p3": "ANA", "p4": "Ben"}
    assert member_ids("dota2", "final", known_as) == {
        "p0": "final-p0", "p1": "final-p1", "p2": "final-p2", "p3": "final-p3", "p4": "dota2-ben",
    }  # fmt: skip

"""A channel out of its stream and the history together: all of it, in order, or a part is said to be missing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aggregate.boards.surviving import Missing, Part, joined, surveyed
from gateway.model.entry import Entry
from gateway.model.version import Position

PAGE = 3


def entry(epoch: int, seq: int, by: int = 0) -> Entry:
    return Entry(Position(epoch, seq), by, b"")


class Sources:
    """A stream that is trimmed while it is read, and a history that has stored a part of what it was given."""

    def __init__(self, given: list[Entry], trimmed: int, stored: list[Entry], later: list[int]) -> None:
        self.given = given
        self.trimmed = trimmed
        self.stored = stored
        self.later = later

    @property
    def stream(self) -> list[Entry]:
        return self.given[self.trimmed :]

    @property
    def first(self) -> Position:
        return self.stream[0].position if self.stream else self.given[-1].position.next

    def parts(self) -> list[Part]:
        first = self.first
        return [
            Part(
                epoch,
                max(e.position.seq for e in self.stored if e.position.epoch == epoch),
                sum(e.position.epoch == epoch and e.position < first for e in self.stored),
            )
            for epoch in sorted(
                {e.position.epoch for e in self.stored if e.position.epoch <= first.epoch}, reverse=True
            )
        ]

    async def read(self, start: Position, count: int) -> list[Entry]:
        if self.later:
            self.trimmed = min(len(self.given), self.trimmed + self.later.pop())
        return [e for e in self.stream if e.position >= start][:count]

    async def gone(self) -> tuple[Position, int]:
        return self.first, self.trimmed

    async def kept(self, start: Position, end: Position) -> AsyncIterator[list[Entry]]:
        found = [e for e in self.stored if start <= e.position < end]
        for at in range(0, len(found), PAGE):
            yield found[at : at + PAGE]


LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@settings(max_examples=500)
@given(LENGTHS, st.data())
async def test_all_of_it_or_said_to_be_missing(lengths: list[int], data: st.DataObject) -> None:
    given_ = [entry(epoch, seq) for epoch, length in enumerate(lengths, 1) for seq in range(length)]
    trimmed = data.draw(st.integers(1, len(given_)), "trimmed")
    holes = data.draw(st.sets(st.integers(0, len(given_) - 1), max_size=2), "not in the history")
    stored = [e for index, e in enumerate(given_) if index not in holes]
    sources = Sources(given_, trimmed, stored, data.draw(st.lists(st.integers(0, 4), max_size=4), "trimmed while read"))
    survey = surveyed(sources.parts(), sources.first, trimmed)
    lost = [given_[index] for index in holes if index < trimmed]
    assert (survey.first is None) == bool(lost), (survey, lost)
    if survey.first is None:
        return
    assert survey.first == Position(1, 0) or not trimmed
    found: list[Entry] = []
    try:
        async for page in joined(survey.first, given_[-1].position, sources.read, sources.kept, sources.gone, PAGE):
            found += page
    except Missing:
        assert any(index < sources.trimmed for index in holes)
        return
    assert found == given_


async def test_another_history_than_the_streams_is_not_joined_to_it() -> None:
    given_ = [entry(1, seq) for seq in range(6)]
    sources = Sources(given_, 3, given_, [])
    pages = joined(Position(1, 0), Position(1, 5), sources.read, sources.kept, sources.gone, PAGE)
    found = [await anext(pages), await anext(pages)]
    assert found == [given_[:3], given_[3:]]
    sources.given = [*given_[:5], entry(1, 5, by=7)]
    with pytest.raises(Missing, match="do not tell the same of 1-5"):
        await anext(pages)


async def test_the_end_of_an_epoch_is_not_taken_for_granted() -> None:
    """Without the count of what was trimmed nothing tells whether the history has an epoch's last entries."""
    given_ = [entry(1, seq) for seq in range(4)] + [entry(2, 0)]
    sources = Sources(given_, 4, given_[:3], [])
    with pytest.raises(Missing, match="from 1-2 to 2-0"):
        async for _ in joined(Position(1, 2), Position(2, 0), sources.read, sources.kept, None, PAGE):
            pass
    with pytest.raises(Missing, match="1 entry before 2-0"):
        async for _ in joined(Position(1, 0), Position(2, 0), sources.read, sources.kept, sources.gone, PAGE):
            pass


async def test_entries_of_an_epoch_that_the_stream_was_never_given_are_not_counted() -> None:
    parts = [Part(2, 3, 4), Part(1, 9, 10)]
    assert surveyed(parts, Position(2, 4), 4).first == Position(2, 0)
    assert surveyed(parts, Position(2, 4), 14).first == Position(1, 0)
    assert "never given" in surveyed(parts, Position(2, 4), 9).missing
    assert "5 entries before 1-0" in surveyed(parts, Position(2, 4), 19).missing
    assert surveyed([Part(2, 3, 4), Part(1, 9, 7)], Position(2, 4), 14).first is None
    assert surveyed([], Position(1, 0), 3).missing

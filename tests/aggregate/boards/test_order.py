"""Exactly once, pure: whatever is redelivered, wherever a process dies, in whatever order streams are counted: the same ranks.

The store is a model of the three rules that the scripts keep: compare the watermark, add, move the watermark, all or nothing. That
the scripts keep them is tested on a real store (test_ledger.py).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Generator

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aggregate.boards.ledger import Increment
from gateway.aggregate.boards.stream import Stream, position_of
from gateway.aggregate.boards.tally import Counted, Groups, Tally, merge, spread
from gateway.model.boards import Scopes, sort_key
from gateway.model.version import Position, Version

GROUPS = (("a.all", "a.match.1"), ("a.all",), ("b.all",))
"""Boards that have a tally in common; one board is in two of them, as on the day on which a window ends."""
MEMBERS = ("ana", "ben", "eva")
ROUNDS = 50


class Model:
    """Boards with watermarks and fences, what is recorded of streams, and whose streams they are."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, dict[str, tuple[int, int]]]] = defaultdict(lambda: defaultdict(dict))
        self.marks: dict[tuple[str, str], str] = {}
        self.fences: dict[tuple[str, str], int] = {}
        self.records: dict[str, tuple[str, dict[str, str]]] = {}
        self.generations: dict[str, int] = defaultdict(int)

    def apply(self, one: Increment) -> str:
        mark = self.marks.get((one.board, one.channel), "")
        if mark != one.expected:
            return mark
        merge(self.parts[one.board][one.channel], one.tally)
        self.marks[one.board, one.channel] = one.after
        return one.after

    def begin(self, board: str, channel: str, token: str, generation: int) -> bool:
        if generation < self.fences.get((board, channel), 0):
            return False
        self.fences[board, channel] = generation
        self.marks[board, channel] = token
        return True

    def replace(self, board: str, channel: str, token: str, tally: Tally, after: str) -> bool:
        if self.marks[board, channel] != token:
            return False
        self.parts[board][channel] = dict(tally)
        self.marks[board, channel] = after
        return True

    def ranks(self) -> dict[str, list[tuple[str, int, int]]]:
        found = {}
        for board, parts in self.parts.items():
            total: dict[str, tuple[int, int]] = {}
            for tally in parts.values():
                merge(total, tally)
            if total:
                found[board] = sorted(((m, p, t) for m, (p, t) in total.items()), key=lambda row: sort_key(*row))
        return found


def counted(number: int, draw: tuple[int, dict[tuple[str, ...], dict[str, int]], bool]) -> Counted:
    t_ms, points, void = draw
    position = Position(1, number)
    groups: Groups = {
        boards: {member: (by, t_ms if by else 0) for member, by in members.items()}
        for boards, members in points.items()
        if members
    }
    return Counted(position, str(Version(position, number * 7919)), {} if void else groups, void)


POINTS = st.dictionaries(
    st.sampled_from(GROUPS), st.dictionaries(st.sampled_from(MEMBERS), st.integers(-2, 3), min_size=1), max_size=3
)
ENTRIES = st.lists(st.tuples(st.integers(1, 5), POINTS, st.integers(0, 7).map(lambda n: n == 0)), max_size=12)


def expected_ranks(histories: dict[str, list[Counted]]) -> dict[str, list[tuple[str, int, int]]]:
    model = Model()
    for channel, history in histories.items():
        for one in history:
            if one.void:
                for parts in model.parts.values():
                    parts.pop(channel, None)
            for board, tally in spread(one.groups).items():
                merge(model.parts[board][channel], tally)
    return model.ranks()


TOKENS = itertools.count()


class Process:
    """One aggregator's view of one stream, under a lease of its own. Dies by being forgotten, at any call of the store.

    What boards.py does, call by call: `at_work` has one call of the store behind each step.
    """

    def __init__(self, model: Model, channel: str, history: list[Counted]) -> None:
        confirmed, expected = model.records.get(channel, ("", {}))
        model.generations[channel] += 1
        self.model = model
        self.history = history
        self.generation = model.generations[channel]
        self.stream = Stream(channel, confirmed, dict(expected))
        self.read = 0
        self.waits = False
        self.at_work = self._work()

    def take(self, count: int) -> None:
        for one in self.history[self.read : self.read + count]:
            self.stream.take(one)
        self.read += count

    def recount(self) -> None:
        last = self.history[-1].position
        self.stream = Stream(self.stream.channel, self.stream.confirmed, self.stream.expected, recount_to=last)
        self.read = 0
        self.take(len(self.history))

    def step(self) -> bool:
        """One call of the store; False when nothing is left to be written."""
        return next(self.at_work, None) is not None

    def finish(self) -> None:
        """Works until nothing is left; what others have begun and left is begun again."""
        self.take(len(self.history))
        for _ in range(ROUNDS):
            while self.step():
                pass
            if not self.stream.pending and self.stream.replacement is None:
                return
            if self.waits:
                self.recount()
            self.at_work = self._work()
        raise AssertionError("does not come to an end")

    def verify(self) -> None:
        """Looks at the boards, as every process does now and then: one that is not where it was left is counted anew."""
        for board, expected in self.stream.expected.items():
            mark = self.model.marks.get((board, self.stream.channel), "")
            found, known = position_of(mark), position_of(expected)
            further = found is not None and known is not None and found > known
            if mark != expected and not further:
                self.recount()
                self.at_work = self._work()
                self.finish()
                return

    def _work(self) -> Generator[str, None, None]:
        for _ in range(4):
            stream = self.stream
            if unknown := stream.unknown():
                yield "introduce"
                _, recorded = self.model.records.setdefault(stream.channel, ("", {}))
                recorded.update({board: recorded.get(board, "") for board in unknown})
                stream.introduced(unknown)
            if stream.ready:
                yield "read marks"
                stream.introduced(self.model.records.get(stream.channel, ("", {}))[1])
                if not (yield from self._correct(stream)):
                    return
            if not stream.pending or stream.replacement is not None or stream.unknown():
                break
            if not (yield from self._add(stream)):
                break
        if self.stream.replacement is None and not self.stream.busy:
            yield "record"
            if self.stream.replacement is None:
                self._record()

    def _correct(self, stream: Stream) -> Generator[str, None, bool]:
        tallies, mark = stream.correction(Scopes().is_past)
        token = f"recount {next(TOKENS)}"
        for board, tally in tallies.items():
            yield "begin"
            if not self.model.begin(board, stream.channel, token, self.generation):
                return self._overtaken()
            yield "replace"
            if not self.model.replace(board, stream.channel, token, tally, mark):
                return self._overtaken()
        stream.corrected(tallies, mark, set())
        return True

    def _overtaken(self) -> bool:
        """Whose the stream is not any more hears of it; whose it is begins again."""
        if self.generation == self.model.generations[self.stream.channel]:
            self.recount()
        return False

    def _add(self, stream: Stream) -> Generator[str, None, bool]:
        goal = stream.pending[-1].mark
        said = set()
        for one in stream.increments(()):
            yield "apply"
            said.add(stream.answered(one, self.model.apply(one)))
        self.waits = "wait" in said
        if "lost" in said:
            self.recount()
        elif said <= {"done"}:
            stream.wrote(goal)
        return not self.waits

    def _record(self) -> None:
        """Only what has moved is written: a process that was overtaken leaves the others' records alone."""
        if not self.stream.pending:
            self.stream.confirmed = self.stream.seen
        _, recorded = self.model.records.get(self.stream.channel, ("", {}))
        moved = {board: self.stream.expected[board] for board in self.stream.changed()}
        self.model.records[self.stream.channel] = (self.stream.confirmed, recorded | moved)
        self.stream.recorded(moved)


@settings(max_examples=600)
@given(st.lists(ENTRIES.filter(bool), min_size=1, max_size=2), st.data())
def test_any_order_any_redelivery_and_any_crash_give_the_same_ranks(
    streams: list[list[object]], data: st.DataObject
) -> None:
    histories = {
        f"match:{index}": [counted(number, draw) for number, draw in enumerate(entries)]  # type: ignore[arg-type]
        for index, entries in enumerate(streams)
    }
    model = Model()
    alive: list[Process] = []

    def some_steps(process: Process) -> None:
        """Reads some entries and makes some calls, the one between the others; may die then."""
        for _ in range(data.draw(st.integers(1, 3), "turns")):
            process.take(data.draw(st.integers(0, 6), "entries"))
            for _ in range(data.draw(st.integers(0, 6), "calls")):
                if not process.step():
                    process.at_work = process._work()
                    break
        if data.draw(st.integers(0, 5), "dies") == 0:
            alive.remove(process)

    for _ in range(data.draw(st.integers(0, 14), "steps")):
        if not alive or data.draw(st.integers(0, 2), "begin another (a zombie stays)") == 0:
            channel = data.draw(st.sampled_from(sorted(histories)), "channel")
            alive.append(Process(model, channel, histories[channel]))
        some_steps(data.draw(st.sampled_from(alive), "process"))
    last = [Process(model, channel, history) for channel, history in histories.items()]
    for process in last:
        process.take(data.draw(st.integers(0, 12), "entries"))
        while process.step():
            if alive and data.draw(st.booleans(), "a zombie is at work"):
                some_steps(data.draw(st.sampled_from(alive), "zombie"))
    for process in last:
        process.finish()
    while alive and data.draw(st.booleans(), "a zombie is at work still"):
        some_steps(data.draw(st.sampled_from(alive), "zombie"))
    for process in last:
        process.verify()
    assert model.ranks() == expected_ranks(histories)


@given(st.lists(st.tuples(st.sampled_from(MEMBERS), st.integers(-2, 3), st.integers(0, 4)), max_size=12), st.randoms())
def test_merging_commutes(increments: list[tuple[str, int, int]], random: object) -> None:
    one: dict[str, tuple[int, int]] = {}
    for member, points, t_ms in increments:
        merge(one, {member: (points, t_ms)})
    random.shuffle(increments)  # type: ignore[attr-defined]
    halves: list[dict[str, tuple[int, int]]] = [{}, {}]
    for index, (member, points, t_ms) in enumerate(increments):
        merge(halves[index % 2], {member: (points, t_ms)})
    merge(halves[0], halves[1])
    assert halves[0] == one
